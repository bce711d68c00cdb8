"""Converts the logits of labels to scores, and scores back to logits."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities that sum to 1 over the last axis, float64."""
    logits = np.asarray(logits, dtype="float64")
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of independent labels, float64. Computed with tanh, which does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype="float64")))


SCORES = {"choice": softmax, "choices": sigmoid, "number": lambda values: values}
"""Kind of an output's numbers (`kerasbert.tasks.task.Output.bar`) -> the function that makes scores of its logits."""

_LEAST = 1e-30  # replaces a score that float32 rounded to 0
_LOGITS = {
    "choice": lambda scores: np.log(np.maximum(scores, _LEAST)),
    "choices": lambda scores: np.log(np.maximum(scores, _LEAST) / np.maximum(1 - scores, _LEAST)),
    "number": lambda values: values,
}


def logits_of(scores: np.ndarray, bar: str) -> np.ndarray:
    """Converts scores back to logits, for files that return scores.

    The logits of a "choice" can be restored up to a constant only.

    Args:
        scores: float (..., labels).
        bar: a key of `SCORES`.

    Returns:
        float32 (..., labels).
    """
    return _LOGITS[bar](np.asarray(scores, dtype="float64")).astype("float32")
