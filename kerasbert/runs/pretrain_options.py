"""The options of a pre-training run, checked before anything is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ConfigError
from kerasbert.tasks.masking import Masking
from kerasbert.training.distribution import STRATEGIES

PRECISIONS = {"float32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}
"""What products are computed in -> Keras's dtype policy."""


def _is_count(value) -> bool:
    return isinstance(value, int) and value > 0


@dataclass(frozen=True, kw_only=True)
class PretrainOptions:
    """What `kerasbert.runs.pretrain.pretrain` is told beside the data, the folder and the recipe.

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
    dev: str | Path | None = None
    """Folder of held-out data, prepared as the training data are. None: nothing is measured."""
    masking: Masking | None = None
    """How words are masked. None: single tokens, at the recipe's rate."""
    buckets: Sequence[int] | None = None
    """Lengths that rows are padded to. None: the longest row."""
    seed: int = 0
    """Seed for weights, order and masks."""
    strategy: str = "auto"
    """Which devices share the work; see `kerasbert.training.distribution.strategy_named`."""
    accumulate: int = 1
    """Micro-batches that a batch is cut into."""
    precision: str = "float32"
    """What products are computed in, a key of `PRECISIONS`."""
    jit_compile: bool | str = "auto"
    """Whether XLA compiles the step; see `kerasbert.training.trainer.SummedLossTrainer.compile`."""
    recompute: bool = False
    """Whether blocks are computed again in the backward pass, which saves memory."""
    resume: bool = False
    """Whether to go on from the folder's last checkpoint at the exact batch, on any number of replicas. Without a
    checkpoint the run begins."""
    save_every: int = 1000
    """Steps between checkpoints."""
    save_minutes: float = 10.0
    """The longest time between two checkpoints."""
    keep: int = 2
    """How many of the newest checkpoints to keep, beside the best."""
    evaluate_every: int | None = None
    """Steps between measurements on `dev`. None: `save_every`."""
    log_every: int = 10
    """Steps between records in training.csv."""
    max_rollbacks: int = 3
    """How often an exploding loss is forgiven."""

    def __post_init__(self):
        for name, known in (("precision", PRECISIONS), ("strategy", STRATEGIES)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is {getattr(self, name)!r}: use one of {', '.join(known)}")
        for names, fits, mend in (
            ("accumulate save_every keep log_every", _is_count, "a whole number, 1 or more"),
            ("positions evaluate_every", lambda x: x is None or _is_count(x), "a whole number, 1 or more, or None"),
            ("max_rollbacks", lambda x: x == 0 or _is_count(x), "a whole number, 0 or more"),
            ("save_minutes", lambda x: 0 < x < math.inf, "a number above 0"),
            ("buckets", lambda x: not x or all(map(_is_count, x)), "whole numbers, 1 or more, such as 32, 64, 128"),
            ("jit_compile", lambda x: x in (True, False, "auto"), "True, False or 'auto'"),
        ):
            for name in names.split():
                if not fits(getattr(self, name)):
                    raise ConfigError(f"{name} is {getattr(self, name)!r}: use {mend}")
