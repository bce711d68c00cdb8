"""The options of task distillation, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ConfigError
from kerasbert.runs.finetune_options import FinetuneOptions
from kerasbert.runs.run_options import is_count
from kerasbert.tasks.task import Example
from kerasbert.training.soft_losses import check_parts

ALPHA, TEMPERATURE = 0.5, 2.0
"""The usual values where a student learns from logits."""
NOT_THESE = ("few_shot", "class_weight", "loss")
"""Options of fine-tuning that a student does not have."""
OF_BLOCKS = ("intermediate_size", "hidden_act")
"""Options that change the blocks of the teacher that a student begins as."""


@dataclass(frozen=True, kw_only=True)
class DistillOptions(FinetuneOptions):
    """How a student learns a task from its teacher. `checkpoint` is what the student begins as.

    Raises:
        ConfigError: a value that no run can have, or two that do not go together.
    """

    layers: int | Sequence[int] | None = None
    """The number or the places of the teacher's blocks that the student begins as, without `checkpoint`
    (`kerasbert.models.students.student_of`). None: a third of them."""
    static: int | None = None
    """Size of the vectors of the teacher's static encoder (`kerasbert.models.static.static_of`), which the student
    begins as, without `layers` and `checkpoint`. Only tasks that pool the tokens of a text have such students."""
    intermediate_size: int | None = None
    """Neurons that are kept in each feed-forward layer of the teacher's blocks: those with the largest weights
    (`kerasbert.models.thin`). None: all."""
    hidden_act: str | None = None
    """Activation of the feed-forward layers of the teacher's blocks, such as "relu", which is faster than "gelu". None:
    the teacher's."""
    unlabelled: str | Path | Sequence[Example] | None = None
    """File of texts without right answers, or examples."""
    augment: int | None = None
    """How many further texts are made of each text (`kerasbert.runs.made_texts`), for the teacher to answer. None:
    none. It has a meaning only where an example is one text."""
    alpha: float | None = None
    """The teacher's part in the loss, from 0 to 1; the right answers have the rest. None: 0.5, and 1 for a teacher that
    writes texts. Sentence embedding has no such option, because the teacher's vectors are the right answers."""
    temperature: float | None = None
    """What logits are divided by; None: 2. It has a meaning only where answers are labels or places."""
    soft_labels: str | Path | None = None
    """Folder that keeps the teacher's answers; None: the folder `soft-labels` beside the output folder."""

    def __post_init__(self):
        super().__post_init__()
        given = next((name for name in NOT_THESE if getattr(self, name) is not None), None)
        if given:
            raise ConfigError(f"{given} is {getattr(self, given)}: a student learns without it; leave it out")
        if self.settings:
            raise ConfigError(f"{next(iter(self.settings))}: a student has its teacher's settings; leave it out")
        if self.layers is not None and self.checkpoint is not None:
            raise ConfigError("layers are blocks of the teacher, and a checkpoint is given too: leave one of them out")
        check_blocks_alone(self, "checkpoint", "static")
        if self.augment is not None and not is_count(self.augment):
            raise ConfigError(f"augment is {self.augment!r}: use a whole number, 1 or more, or None")
        self._check_alpha()
        if self.static is not None and self.layer_decay is not None:
            raise ConfigError(f"layer_decay is {self.layer_decay}: a static student has no blocks; leave it out")
        if self.static is not None and (self.layers, self.checkpoint) != (None, None):
            raise ConfigError("static is an encoder without blocks, so leave layers and checkpoint out")
        check_parts(
            ALPHA if self.alpha is None else self.alpha, TEMPERATURE if self.temperature is None else self.temperature
        )

    def _check_alpha(self) -> None:
        for name in ("unlabelled", "augment"):
            if self.alpha == 0 and getattr(self, name) is not None:
                raise ConfigError(
                    f"alpha is 0, so only right answers count, and the texts of {name} have none; leave {name} out, or "
                    "give a larger alpha"
                )


def check_blocks_alone(options, *others: str) -> None:
    """Raises ConfigError: blocks of the teacher are to be changed, but the student begins as something else.

    Args:
        others: the fields that name something else.
    """
    changed, other = (
        next((x for x in names if getattr(options, x) is not None), None) for names in (OF_BLOCKS, others)
    )
    if changed and other:
        raise ConfigError(f"{changed} changes blocks of the teacher, and {other} is given too: leave one of them out")
