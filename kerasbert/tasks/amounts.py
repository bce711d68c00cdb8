"""Numbers that a Keras user gives beside the data: batch sizes, shares and weights, checked before long work."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real

import numpy as np

from kerasbert.errors import ConfigError

LARGEST = float(np.finfo(np.float32).max)
BATCH_SIZE = 32
"""Rows per batch, as Keras has it."""


def check_batch_size(value, name: str = "batch_size", *, fields: Sequence[str] = ()) -> None:
    """Checks a number of rows per batch; None stands for the default.

    Args:
        fields: the names of an example's fields, for a call such as `fit(questions, contexts, answers)`, whose third
            argument is the batch size.

    Raises:
        ConfigError: it is no whole number from 1.
    """
    if len(fields) > 1 and isinstance(value, Iterable) and not isinstance(value, str):
        columns = ", ".join(f"{each.removesuffix('s')}s" for each in fields)
        raise ConfigError(f"{name} is {value!r:.60}: give ({columns}) as x, and the right answers as y")
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if value is not None and not (whole and value > 0):
        raise ConfigError(f"{name} is {value!r:.60}: give a whole number from 1")


def batching_of(usual_tokens: int | None, batch_size: int | None, batch_tokens: int | None) -> dict[str, int]:
    """What a batch is filled by, and how far: `{"batch_size": rows}`, or `{"batch_tokens": tokens}`.

    Args:
        usual_tokens: tokens per batch if neither of the others is given; None for batches of `BATCH_SIZE` rows.
        batch_size, batch_tokens: rows per batch, or tokens per batch; None for one that is not given.

    Raises:
        ConfigError: both are given, or one is no whole number from 1.
    """
    given = {"batch_size": batch_size, "batch_tokens": batch_tokens}
    for name, value in given.items():
        check_batch_size(value, name)
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        raise ConfigError(f"batch_size is {batch_size} and batch_tokens is {batch_tokens}: give one of them")
    if given:
        return given
    return {"batch_size": BATCH_SIZE} if usual_tokens is None else {"batch_tokens": usual_tokens}


def check_share(value, name: str = "validation_split") -> None:
    """Checks a share of the data; None is none, as in Keras.

    Raises:
        ConfigError: it is no number from 0 to below 1.
    """
    if value is not None and not (isinstance(value, Real) and 0 <= value < 1):
        raise ConfigError(f"{name} is {value!r:.60}: give a share from 0 to below 1, such as 0.2")


def as_weight(value, place: str, error: type[Exception] = ConfigError) -> float:
    """Converts a weight in the loss, of Python or of NumPy.

    Args:
        place: such as "class_weight['good']", for messages.
        error: what to raise.

    Raises:
        error: it is no number from 0 that float32 can hold.
    """
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, Real) or not 0 <= number <= LARGEST:
        raise error(f"{place} is {number!r:.60}: give a finite number from 0")
    return float(number)
