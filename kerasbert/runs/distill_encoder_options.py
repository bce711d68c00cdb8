"""The options of distilling an encoder on text, checked before anything is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasbert.config import BertConfig
from kerasbert.errors import ConfigError
from kerasbert.runs.distill_options import check_blocks_alone
from kerasbert.runs.run_options import RunOptions, check_known, check_values, is_count

LOSSES = ("relations", "triple")
"""What a student is taught with: MiniLMv2's relations from any encoder, DistilBERT's triple loss from one with a head
for masked words."""
OF_LOSS = {
    "relations": ("relation_heads", "teacher_block"),
    "triple": ("temperature", "soft_weight", "mlm_weight", "cosine_weight", "mask_rate"),
}
"""Loss -> the options that the other one has no use for."""


@dataclass(frozen=True, kw_only=True)
class EncoderDistillOptions(RunOptions):
    """What `kerasbert.runs.distill_encoder.distill_encoder` is told beside the teacher, the text and the folder.

    The student begins as blocks of the teacher (`layers`), as a checkpoint (`student`), or new (`config`). Held-out
    text (`dev`) is a file, or a folder that is prepared as the training data are.

    Raises:
        ConfigError: a value that no run can have, or options that exclude each other.
    """

    loss: str = "relations"
    """What the student is taught with, one of `LOSSES`."""
    layers: int | Sequence[int] | None = None
    """The student's blocks: their number, or their places in the teacher counted from 0. None: a third of the
    teacher's; see `kerasbert.models.students.spread`."""
    intermediate_size: int | None = None
    """Neurons that are kept in each feed-forward layer of the teacher's blocks; see
    `kerasbert.runs.distill_options.DistillOptions`."""
    hidden_act: str | None = None
    """Activation of the feed-forward layers of the teacher's blocks; None: the teacher's."""
    student: str | Path | None = None
    """Model folder or hub id that the student begins as, instead of blocks of the teacher."""
    config: BertConfig | None = None
    """Configuration of a student with new weights, instead of blocks of the teacher."""
    relation_heads: int | None = None
    """Relations: the number of heads that queries, keys and values are cut into; it divides both widths. None: heads of
    16 numbers in the teacher, or the next smaller number that divides both."""
    teacher_block: int | None = None
    """Relations: the teacher's block, counted from 0. None: the last of up to 12, and above that the one at seven
    eighths of the depth."""
    temperature: float = 2.0
    """Triple: both models' logits are divided by it for the soft targets."""
    soft_weight: float = 5.0
    """Triple: the factor of the soft targets' loss."""
    mlm_weight: float = 2.0
    """Triple: the factor of the masked words' loss."""
    cosine_weight: float = 1.0
    """Triple: the factor of the cosine loss of the last hidden states. 0 allows a student of another width."""
    mask_rate: float = 0.15
    """Triple: the share of the tokens that are masked."""
    max_length: int = 128
    """Tokens of the longest row. Prepared data bring their own."""
    epochs: int = 1
    """How often the text is read."""
    steps: int | None = None
    """Number of updates, instead of whole epochs."""
    batch_size: int = 32
    """Rows per update, over all devices."""
    learning_rate: float = 5e-4
    """Learning rate at its peak."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate grows to its peak."""
    weight_decay: float = 0.01
    """A step at rate r takes r * weight_decay of a weight away."""
    clip_norm: float | None = 1.0
    """The largest joint norm of the gradients. None: no limit."""

    def __post_init__(self):
        super().__post_init__()
        check_known(self, loss=LOSSES)
        check_values(
            self,
            ("epochs batch_size", is_count, "a whole number, 1 or more"),
            ("relation_heads steps", lambda x: x is None or is_count(x), "a whole number, 1 or more, or None"),
            ("teacher_block", lambda x: x is None or x == 0 or is_count(x), "a whole number, 0 or more, or None"),
            ("max_length", lambda x: is_count(x) and x >= 8, "a whole number, 8 or more"),
            ("temperature learning_rate", lambda x: 0 < x < math.inf, "a number above 0"),
            ("soft_weight mlm_weight cosine_weight weight_decay", lambda x: 0 <= x < math.inf, "0 or more"),
            ("warmup", lambda x: 0 <= x < 1, "0 or more, below 1"),
            ("mask_rate", lambda x: 0 < x < 1, "a number between 0 and 1, such as 0.15"),
            ("clip_norm", lambda x: x is None or 0 < x < math.inf, "a number above 0, or None for no clipping"),
        )
        self._check_together()

    def _check_together(self) -> None:
        begun = [name for name in ("layers", "student", "config") if getattr(self, name) is not None]
        if len(begun) > 1:
            raise ConfigError(f"{' and '.join(begun)}: a student begins as one of them, so give one")
        check_blocks_alone(self, "student", "config")
        if self.steps is not None and self.epochs != type(self).epochs:
            raise ConfigError(f"steps is {self.steps} and epochs is {self.epochs}: either ends the run, so give one")
        if not self.soft_weight + self.mlm_weight + self.cosine_weight:
            raise ConfigError("soft_weight, mlm_weight and cosine_weight are 0, so there is no loss: give one of them")
        fields = type(self).__dataclass_fields__
        for loss, names in OF_LOSS.items():
            for name in names:
                if loss != self.loss and getattr(self, name) != fields[name].default:
                    raise ConfigError(f"{name} is of the loss {loss}, and this one is {self.loss}: leave it out")
