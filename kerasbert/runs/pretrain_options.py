"""The options of a pre-training run, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasbert.runs.run_options import RunOptions, check_values, is_count
from kerasbert.tasks.masking import Masking


@dataclass(frozen=True, kw_only=True)
class PretrainOptions(RunOptions):
    """What `kerasbert.runs.pretrain.pretrain` is told beside the data, the folder and the recipe.

    Held-out data (`dev`) are a folder that is prepared as the training data are.

    Raises:
        ConfigError: a value that no run can have.
    """

    size: str = "tiny"
    """Named size of a new model, a key of `kerasbert.config.SIZES`."""
    model_type: str = "bert"
    """Family of a new model, a key of `kerasbert.config.FAMILIES`."""
    positions: int | None = None
    """Tokens of the longest text that a new model takes. None: those of the data's rows."""
    init_from: str | Path | None = None
    """Model folder or hub id to begin with instead of a new model. The optimizer is new."""
    masking: Masking | None = None
    """How words are masked. None: single tokens, at the recipe's rate."""
    buckets: Sequence[int] | None = None
    """Lengths that rows are padded to. None: the longest row."""
    recompute: bool = False
    """Whether blocks are computed again in the backward pass, which saves memory."""

    def __post_init__(self):
        super().__post_init__()
        check_values(
            self,
            ("positions", lambda x: x is None or is_count(x), "a whole number, 1 or more, or None"),
            ("buckets", lambda x: not x or all(map(is_count, x)), "whole numbers, 1 or more, such as 32, 64, 128"),
        )
