"""How well the similarities of vectors agree with right answers: Spearman's correlation, recall at k, and triplets."""

from collections.abc import Sequence

import numpy as np

BEST = (1, 5, 10)
"""The numbers of best candidates that recall is computed for."""
CHUNK = 2**24
"""Number of similarities that are computed at a time, 64 MB."""


def ranks(values: Sequence[float]) -> np.ndarray:
    """The rank of each value from 1, float64. Equal values have the mean of their ranks."""
    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation, as scipy's `spearmanr` computes it; 0 if the values of a side are all equal."""
    a, b = (ranks(values) for values in (a, b))
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt(np.sum(a * a) * np.sum(b * b))
    return float(np.sum(a * b) / size) if size else 0.0


def places_of_right(anchors: np.ndarray, candidates: np.ndarray, right: Sequence[Sequence[int]]) -> np.ndarray:
    """The place of the right candidate of each anchor among all candidates, by their similarity.

    A candidate that is as similar as the right one counts as better, so that equal vectors gain nothing.

    Args:
        anchors: float (anchors, width). candidates: float (candidates, width). Similarities are their dot products.
        right: for each anchor its right candidate, and after it further candidates that are right too. The further
            ones are left out of its ranking.

    Returns:
        Integers from 1, (anchors,).
    """
    places = np.zeros(len(anchors), np.int64)
    step = max(1, CHUNK // max(1, len(candidates)))
    for start in range(0, len(anchors), step):
        scores = anchors[start : start + step] @ candidates.T
        for row, (mine, *others) in zip(scores, right[start : start + step], strict=True):
            row[others] = -np.inf
            places[start] = np.count_nonzero(row >= row[mine])
            start += 1
    return places


def retrieval(places: np.ndarray) -> dict[str, float]:
    """Recall at `BEST` and the mean reciprocal rank. Args: places: of `places_of_right`."""
    recalls = {f"recall_at_{best}": float(np.mean(places <= best)) for best in BEST}
    return {**recalls, "mrr": float(np.mean(1 / places))}
