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
