"""A static encoder from a checkpoint: a folder in, a folder out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kerasbert.files import check_target
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.static import static_of


@dataclass(frozen=True, kw_only=True)
class StaticOptions:
    """How a static encoder is made (`kerasbert.models.static.static_of`)."""

    checkpoint: str | None = None
    """Folder or hub id of the teacher; None: the encoder that comes with the package."""
    size: int = 256
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
