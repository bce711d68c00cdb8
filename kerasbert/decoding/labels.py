"""Logits and scores of labels."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, float64."""
    shifted = np.exp(np.asarray(logits, dtype="float64") - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Independent probabilities, float64; written with tanh, which does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype="float64")))


SCORES = {"choice": softmax, "choices": sigmoid, "number": lambda values: values}
"""The kind of an output's numbers (`kerasbert.tasks.task.Output.bar`) -> the scores that people see."""

_LEAST = 1e-30  # the score that stands for one that float32 rounded to 0
_LOGITS = {
    "choice": lambda scores: np.log(np.maximum(scores, _LEAST)),
    "choices": lambda scores: np.log(np.maximum(scores, _LEAST) / np.maximum(1 - scores, _LEAST)),
    "number": lambda values: values,
}


def logits_of(scores: np.ndarray, bar: str) -> np.ndarray:
    """float32 logits that have these scores, for files that end in scores; a "choice" is known up to a constant."""
    return _LOGITS[bar](np.asarray(scores, dtype="float64")).astype("float32")
