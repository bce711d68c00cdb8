"""Figures that compare logits with the truth, one function a problem type."""

import numpy as np


def _single(logits: np.ndarray, targets: np.ndarray) -> dict:
    predicted = logits.argmax(-1)
    f1 = []
    for label in np.union1d(predicted, targets):
        hits = np.sum((predicted == label) & (targets == label))
        f1.append(2 * hits / (np.sum(predicted == label) + np.sum(targets == label)))
    return {"accuracy": float(np.mean(predicted == targets)), "macro_f1": float(np.mean(f1))}


def _multi(logits: np.ndarray, targets: np.ndarray) -> dict:
    predicted, true = logits > 0, targets > 0.5
    positives = predicted.sum() + true.sum()
    return {
        "accuracy": float(np.mean((predicted == true).all(-1))),
        "micro_f1": float(2 * np.sum(predicted & true) / positives) if positives else 1.0,
    }


def _regression(logits: np.ndarray, targets: np.ndarray) -> dict:
    values, targets = (array.reshape(-1).astype("float64") for array in (logits, targets))
    figures = {"mse": float(np.mean((values - targets) ** 2)), "mae": float(np.mean(np.abs(values - targets)))}
    if np.ptp(values) and np.ptp(targets):  # a correlation with a constant is undefined
        figures["pearson"] = float(np.corrcoef(values, targets)[0, 1])
    return figures


_METRICS = {
    "single_label_classification": _single,
    "multi_label_classification": _multi,
    "regression": _regression,
}


def evaluate(logits: np.ndarray, targets: np.ndarray, problem_type: str) -> dict[str, float]:
    """Accuracy and F1 for labels (multi-label accuracy wants every label of a text right), errors for regression.

    Args:
        logits: float (texts, labels).
        targets: int (texts,) label numbers, 0/1 (texts, labels), or float (texts, 1) values.
        problem_type: one of `kerasbert.decoding.labels.PROBLEM_TYPES`.

    Returns:
        `accuracy` and `macro_f1` (a mean over the labels that are true or predicted of some text), `accuracy` and
        `micro_f1`, or `mse`, `mae` and, where both vary, `pearson`.
    """
    return _METRICS[problem_type](np.asarray(logits), np.asarray(targets))
