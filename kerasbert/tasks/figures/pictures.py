"""What a drawing of a model's right and wrong answers shows: a table of counts, or points."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A table of counts, such as a confusion matrix.

    Attributes:
        rows, columns: the names of its rows and columns.
        counts: ints, one list per row.
        down, across: what the rows and the columns are.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    down: str = "true"
    across: str = "predicted"

    def as_data(self) -> dict:
        """The table as plain data."""
        return {"confusion": asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Points:
    """True and predicted numbers, of the same length."""

    true: tuple[float, ...]
    predicted: tuple[float, ...]

    def as_data(self) -> dict:
        """Nothing: figures say more of numbers."""
        return {}


def confusion(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Counts:
    """The confusion matrix of answers that are one label each."""
    place = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, ([place[each] for each in true], [place[each] for each in predicted]), 1)
    return Counts(rows=tuple(labels), columns=tuple(labels), counts=_as_tuples(counts))


def found(true: Sequence[frozenset], predicted: Sequence[frozenset], labels: Sequence[str]) -> Counts:
    """How often each label is found, missed, and given wrongly, for answers that are sets of labels."""
    truths, answers = (np.array([[label in each for label in labels] for each in sets]) for sets in (true, predicted))
    columns = {"found": truths & answers, "missed": truths & ~answers, "given wrongly": answers & ~truths}
    counts = np.stack([each.sum(0) for each in columns.values()], axis=1)
    return Counts(
        rows=tuple(labels), columns=tuple(columns), counts=_as_tuples(counts), down="label", across="number of texts"
    )


def _as_tuples(counts: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, counts.tolist()))
