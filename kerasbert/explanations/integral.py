"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) of a function of vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

STEPS = 32
"""Number of points on the path at first."""
MOST_STEPS = 512
"""The number of points is doubled up to this, until the attributions are complete."""
TOLERANCE = 0.01
"""Attributions are complete if their sum differs from the change of the function by at most this share of it."""
LEAST = 1e-7
"""The smallest change that an error is a share of: float32 tells no smaller one from 0, beside a logit of 1."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term of the sum that is explained.

    Attributes:
        function: (points, tokens, width) -> the values (points,) and their gradients, the shape of the argument.
        share: what the values are multiplied by.
        vectors, baseline: float32 (tokens, width), the two ends of the path.
    """

    function: Callable
    share: float
    vectors: np.ndarray
    baseline: np.ndarray

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and gradients at some places of the path, from 0 (the baseline) to 1."""
        places = places.astype("float32")[:, None, None]
        return self.function(self.baseline + places * (self.vectors - self.baseline))


@dataclass(frozen=True, kw_only=True)
class Integral:
    """The attributions of a sum of terms.

    Attributes:
        attributions: float64 (tokens,) for each term.
        score, baseline_score: the sum at the two ends of the path.
        steps: number of points on the path.
    """

    attributions: Sequence[np.ndarray]
    score: float
    baseline_score: float
    steps: int

    @property
    def error(self) -> float:
        """How far the sum of the attributions is from `score - baseline_score`, as a share of that difference."""
        change = self.score - self.baseline_score
        total = sum(float(each.sum()) for each in self.attributions)
        return abs(total - change) / max(abs(change), LEAST)

    @property
    def complete(self) -> bool:
        """Whether that is at most `TOLERANCE`."""
        return self.error <= TOLERANCE


def integrate(terms: Sequence[Term], *, steps: int = STEPS, most: int = MOST_STEPS) -> Integral:
    """Integrates the gradients along the straight path from the baseline, with Gauss-Legendre's rule.

    The points are doubled until the attributions are complete (`TOLERANCE`), or there would be more than `most`.
    """
    ends = [term.at(np.array([0.0, 1.0]))[0] for term in terms]
    baseline_score, score = (
        sum(term.share * float(end[i]) for term, end in zip(terms, ends, strict=True)) for i in (0, 1)
    )
    while True:
        found = Integral(
            attributions=[_attributions(term, steps) for term in terms],
            score=score,
            baseline_score=baseline_score,
            steps=steps,
        )
        if found.complete or 2 * steps > most:
            return found
        steps *= 2


def _attributions(term: Term, steps: int) -> np.ndarray:
    """The attribution of each token: (tokens,)."""
    points, weights = np.polynomial.legendre.leggauss(steps)  # for the path from -1 to 1
    _, gradients = term.at((points + 1) / 2)
    mean = np.tensordot(weights / 2, gradients, 1)  # (T, D)
    return term.share * (mean * (term.vectors - term.baseline)).sum(-1, dtype=float)
