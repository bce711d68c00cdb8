"""Logistic regression: the weights of a linear classifier on vectors, in NumPy."""

from collections import deque
from collections.abc import Callable

import numpy as np

STEPS, ENOUGH = 1000, 1e-7
"""The largest number of steps, and the share of the first gradient at which there are no more."""
MEMORY = 10
"""Number of past steps that tell the curvature."""


def logistic_regression(
    vectors: np.ndarray, labels: np.ndarray, count: int, *, weights: np.ndarray | None = None, c: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Minimises `c` times the sum of the cross-entropies, plus half the sum of the squared weights without the bias.

    That is scikit-learn's `LogisticRegression(C=c)`. Vectors are centred and divided by one number first, so that the
    mean of all squares is 1; what is returned takes the vectors as they are.

    Args:
        vectors: float (rows, width).
        labels: int (rows,), from 0.
        count: number of labels.
        weights: the weight of each row; None: 1.

    Returns:
        Float64 (width, count) and (count,): the logits are `vectors @ kernel + bias`.
    """
    centre = vectors.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.mean(np.square(vectors - centre))) or 1.0
    x = np.c_[(vectors - centre) / scale, np.ones(len(vectors))]
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    right, rows = np.eye(count)[labels], np.arange(len(x))
    decayed = np.r_[np.ones(x.shape[1] - 1), 0.0][:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(-1, count)
        logits = x @ w
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        value = -c * np.sum(weights * logits[rows, labels]) + 0.5 * np.sum(decayed * w * w)
        return value, (c * x.T @ ((np.exp(logits) - right) * weights[:, None]) + decayed * w).ravel()

    found = minimum(loss, np.zeros(x.shape[1] * count)).reshape(-1, count)
    kernel = found[:-1] / scale
    return kernel, found[-1] - centre @ kernel


def minimum(function: Callable[[np.ndarray], tuple[float, np.ndarray]], place: np.ndarray) -> np.ndarray:
    """The place where a convex function has its least value, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5).

    Args:
        function: a place, float64 (size,) -> its value and gradient.
        place: where to begin.
    """
    value, slope = function(place)
    enough = ENOUGH * np.abs(slope).max()
    known: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=MEMORY)
    for _ in range(STEPS):
        if np.abs(slope).max() <= enough:
            break
        way = _downhill(slope, known)
        size = 1.0 if known else min(1.0, 1.0 / np.abs(slope).sum())
        fall = slope @ way
        while True:
            there = place + size * way
            there_value, there_slope = function(there)
            if there_value <= value + 1e-4 * size * fall or size < 1e-12:
                break
            size /= 2
        step, change = there - place, there_slope - slope
        if step @ change > 1e-12 * (change @ change):
            known.append((step, change))
        place, value, slope = there, there_value, there_slope
    return place


def _downhill(slope: np.ndarray, known: deque[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The direction of the next step. Args: known: past steps with the changes of the gradient, the newest last."""
    way, shares = -slope, []
    for step, change in reversed(known):
        share = (step @ way) / (step @ change)
        shares.append(share)
        way = way - share * change
    if known:
        step, change = known[-1]
        way = way * (step @ change) / (change @ change)
    for (step, change), share in zip(known, reversed(shares), strict=True):
        way = way + (share - (change @ way) / (step @ change)) * step
    return way
