"""The options that every run on prepared rows has, checked before anything is read."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ConfigError
from kerasbert.training.distribution import STRATEGIES

PRECISIONS = {"float32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}
"""What products are computed in -> Keras's dtype policy."""


def is_count(value) -> bool:
    return isinstance(value, int) and value > 0


def check_known(options, **known) -> None:
    """Raises ConfigError: the value of an option is not among those that are known."""
    for name, values in known.items():
        if getattr(options, name) not in values:
            raise ConfigError(f"{name} is {getattr(options, name)!r}: use one of {', '.join(values)}")


def check_values(options, *rules: tuple[str, Callable[[object], bool], str], shown: Callable = repr) -> None:
    """Raises ConfigError: a value does not fit.

    Args:
        options: has the options as attributes.
        rules: names of options with spaces between them, whether a value fits, and in words which do.
        shown: how the error shows a value.
    """
    for names, fits, mend in rules:
        for name in names.split():
            if not fits(getattr(options, name)):
                raise ConfigError(f"{name} is {shown(getattr(options, name))}: use {mend}")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run measures, saves and shares its work.

    Raises:
        ConfigError: a value that no run can have.
    """

    dev: str | Path | None = None
    """Held-out data. None: nothing is measured."""
    seed: int = 0
    """Seed for new weights, order and masks."""
    strategy: str = "auto"
    """Which devices share the work; see `kerasbert.training.distribution.strategy_named`."""
    accumulate: int = 1
    """Micro-batches that a batch is cut into."""
    precision: str = "float32"
    """What products are computed in, a key of `PRECISIONS`."""
    jit_compile: bool | str = "auto"
    """Whether XLA compiles the step; see `kerasbert.training.trainer.SummedLossTrainer.compile`."""
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
    """Most steps between records in training.csv; a run of fewer than ten times as many has ten or more of them."""
    max_rollbacks: int = 3
    """How often an exploding loss is forgiven."""

    def __post_init__(self):
        check_known(self, precision=PRECISIONS, strategy=STRATEGIES)
        check_values(
            self,
            ("accumulate save_every keep log_every", is_count, "a whole number, 1 or more"),
            ("evaluate_every", lambda x: x is None or is_count(x), "a whole number, 1 or more, or None"),
            ("max_rollbacks", lambda x: x == 0 or is_count(x), "a whole number, 0 or more"),
            ("save_minutes", lambda x: 0 < x < math.inf, "a number above 0"),
            ("jit_compile", lambda x: x in (True, False, "auto"), "True, False or 'auto'"),
        )
