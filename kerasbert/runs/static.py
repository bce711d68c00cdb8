"""A static encoder from a checkpoint: a folder in, a folder out. And the one that a student of a task begins as."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.files import check_target
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.starts import checkpoint_of
from kerasbert.models.static import static_of
from kerasbert.models.students import STATIC_SIZE, static_size
from kerasbert.progress import counted
from kerasbert.tasks.task import Task

log = logging.getLogger("kerasbert")


@dataclass(frozen=True, kw_only=True)
class StaticOptions:
    """How a static encoder is made (`kerasbert.models.static.static_of`)."""

    checkpoint: str | Checkpoint | None = None
    """The teacher: a folder, a hub id or an open checkpoint; None: the encoder that comes with the package."""
    size: int = STATIC_SIZE
    """Size of the vectors."""
    batch_size: int = 256
    """Number of tokens that the teacher reads at a time."""


def make_static(
    folder: str | Path, options: StaticOptions, *, told: Callable[[int, int], None] = lambda done, total: None
) -> BertEncoder:
    """Writes a static encoder as a folder that every task on texts begins with.

    Args:
        folder: absent or empty.
        options: the teacher and the sizes.
        told: as for `static_of`.

    Raises:
        CheckpointError, ConfigError: as for `BertEncoder.from_pretrained` and `static_of`.
        KerasBertError: `folder` cannot be written.
    """
    check_target(folder)
    teacher = BertEncoder.from_pretrained(options.checkpoint)
    encoder = static_of(teacher, size=options.size, batch_size=options.batch_size, told=told)
    encoder.save_pretrained(folder)
    return encoder


def static_student(teacher: Checkpoint, task: Task, size: int) -> Checkpoint:
    """The static encoder of a teacher, in memory, which learns the teacher's task. Progress is on stderr.

    Raises:
        ConfigError: as for `static_size`.
    """
    size = static_size(teacher, size, task)
    log.info("the student begins as the teacher's static encoder, whose vectors have %d numbers", size)
    encoder = BertEncoder.from_pretrained(teacher)
    with counted(teacher.config.vocab_size, label="reading the vocabulary", unit="tokens") as count:
        return checkpoint_of(static_of(encoder, size=size, told=count.reach), teacher)
