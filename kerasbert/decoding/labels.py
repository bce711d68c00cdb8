"""Classification: logits -> labels, and labels -> figures."""

import numpy as np

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, float64."""
    shifted = np.exp(np.asarray(logits, dtype="float64") - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Independent probabilities, float64; written with tanh, which does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype="float64")))


SCORES = {
    "single_label_classification": softmax,
    "multi_label_classification": sigmoid,
    "regression": lambda values: values,
}
"""Problem type -> what answers show of logits."""

_LEAST = 1e-30  # of a score, which float32 may have rounded to 0
_LOGITS = {
    "single_label_classification": lambda scores: np.log(np.maximum(scores, _LEAST)),
    "multi_label_classification": lambda scores: np.log(np.maximum(scores, _LEAST) / np.maximum(1 - scores, _LEAST)),
    "regression": lambda values: values,
}


def logits_of(scores: np.ndarray, problem_type: str) -> np.ndarray:
    """Logits that have these scores, for files that end in scores: those of one label are known up to a constant."""
    return _LOGITS[problem_type](np.asarray(scores, dtype="float64")).astype("float32")


def _single(row: np.ndarray, labels: list[str]) -> dict:
    scores = softmax(row)
    best = int(np.argmax(row))
    return {"label": labels[best], "score": float(scores[best])}


def _multi(row: np.ndarray, labels: list[str]) -> dict:
    scores = dict(zip(labels, map(float, sigmoid(row)), strict=True))
    # As the metrics decide it: a logit so small that its score rounds to 0.5 still says yes.
    return {"labels": [label for label, logit in zip(labels, row, strict=True) if logit > 0], "scores": scores}


def _regression(row: np.ndarray, labels: list[str]) -> dict:
    return {"value": float(row[0])}


_DECODERS = {
    "single_label_classification": _single,
    "multi_label_classification": _multi,
    "regression": _regression,
}


def decode(logits: np.ndarray, labels: list[str], problem_type: str) -> list[dict]:
    """One answer a row.

    Args:
        logits: float (batch, labels).
        labels: their names, in the order of the logits.
        problem_type: one of `PROBLEM_TYPES`.

    Returns:
        `{"label", "score"}` (softmax), `{"labels", "scores"}` (sigmoid, labels above 0.5) or `{"value"}`.
    """
    return [_DECODERS[problem_type](row, labels) for row in np.asarray(logits)]
