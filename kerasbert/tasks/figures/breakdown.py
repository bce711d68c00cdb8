"""Where a model's answers are right and where they are wrong: figures of each class, and a table or points to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

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


@dataclass(frozen=True, kw_only=True)
class Points:
    """True and predicted numbers, of the same length."""

    true: tuple[float, ...]
    predicted: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """Figures of each class, and what a drawing of the answers shows.

    Attributes:
        by_class: class -> its precision, recall, F1 and support (the number of true answers); empty for numbers.
        picture: a table of counts, or points.
    """

    by_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    picture: Counts | Points

    def as_data(self) -> dict:
        """The figures by class, and the counts if there are any, as plain data; empty for numbers."""
        counts = {"confusion": asdict(self.picture)} if isinstance(self.picture, Counts) else {}
        return {**({"by_class": dict(self.by_class)} if self.by_class else {}), **counts}


def of_labels(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Breakdown:
    """The breakdown of answers that are one label each: a confusion matrix."""
    place = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, ([place[each] for each in true], [place[each] for each in predicted]), 1)
    by_class = _scores(labels, counts.diagonal(), counts.sum(0), counts.sum(1))
    return Breakdown(by_class=by_class, picture=_counts(labels, labels, counts))


def of_sets(true: Sequence[frozenset], predicted: Sequence[frozenset], labels: Sequence[str]) -> Breakdown:
    """The breakdown of answers that are sets of labels: how often each label is found, missed, and given wrongly."""
    truths, answers = (np.array([[label in each for label in labels] for each in sets]) for sets in (true, predicted))
    hits = (truths & answers).sum(0)
    columns = {"found": hits, "missed": (truths & ~answers).sum(0), "given wrongly": (answers & ~truths).sum(0)}
    counts = np.stack(list(columns.values()), axis=1)
    return Breakdown(
        by_class=_scores(labels, hits, answers.sum(0), truths.sum(0)),
        picture=_counts(labels, tuple(columns), counts, down="label", across="texts"),
    )


def _counts(rows: Sequence[str], columns: Sequence[str], counts: np.ndarray, **axes: str) -> Counts:
    return Counts(rows=tuple(rows), columns=tuple(columns), counts=tuple(map(tuple, counts.tolist())), **axes)


def _scores(labels: Sequence[str], hits, predicted, true) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each label from counts; a figure of nothing is 0, as in scikit-learn."""
    found = {}
    for label, hit, given, wanted in zip(labels, hits, predicted, true, strict=True):
        found[label] = {
            "precision": float(hit / given) if given else 0.0,
            "recall": float(hit / wanted) if wanted else 0.0,
            "f1": float(2 * hit / (given + wanted)) if given + wanted else 0.0,
            "support": int(wanted),
        }
    return found
