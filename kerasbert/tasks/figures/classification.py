"""Figures of text classification: accuracy, F1 and errors, and the report by class."""

from collections.abc import Collection, Sequence

import numpy as np


def _single(answers: Sequence[dict], truths: Sequence[str], labels: Sequence[str]) -> dict:
    predicted, true = np.array([answer["label"] for answer in answers]), np.array(truths)
    f1 = []
    for label in np.union1d(predicted, true):
        hits = np.sum((predicted == label) & (true == label))
        f1.append(2 * hits / (np.sum(predicted == label) + np.sum(true == label)))
    return {"accuracy": float(np.mean(predicted == true)), "macro_f1": float(np.mean(f1))}


def _several(answers: Sequence[list], truths: Sequence[frozenset], labels: Sequence[str]) -> dict:
    named = [{each["label"] for each in answer} for answer in answers]
    predicted = np.array([[label in names for label in labels] for names in named])
    true = np.array([[label in names for label in labels] for names in truths])
    positives = predicted.sum() + true.sum()
    return {
        "accuracy": float(np.mean((predicted == true).all(-1))),
        "micro_f1": float(2 * np.sum(predicted & true) / positives) if positives else 1.0,
    }


def _regression(answers: Sequence[dict], truths: Sequence[float], labels: Sequence[str]) -> dict:
    # Truths are rounded to float32, as in training, so that rounding does not count as an error.
    values, true = np.array([answer["score"] for answer in answers]), np.array(truths, "float32").astype("float64")
    figures = {"mse": float(np.mean((values - true) ** 2)), "mae": float(np.mean(np.abs(values - true)))}
    if np.ptp(values) and np.ptp(true):  # a correlation with a constant is undefined
        figures["pearson"] = float(np.corrcoef(values, true)[0, 1])
    return figures


_FIGURES = {
    "single_label_classification": _single,
    "multi_label_classification": _several,
    "regression": _regression,
}


def evaluate(answers: Sequence, truths: Sequence, problem_type: str, labels: Sequence[str]) -> dict[str, float]:
    """Computes accuracy and F1 for labels, or errors for numbers.

    Args:
        answers: at least one answer of `kerasbert.tasks.text_classification.decode`.
        truths: label names, sets of label names, or numbers, in the same order.
        problem_type: the kind of classification.
        labels: all label names.

    Returns:
        Figures by name. Single label: `accuracy` and `macro_f1`, the mean over labels that are true or predicted for at
        least one text. Several labels: `accuracy`, for which every label of a text must be right, and `micro_f1`.
        Regression: `mse`, `mae` and, unless the answers or the truths are constant, `pearson`.
    """
    return _FIGURES[problem_type](answers, truths, labels)


def by_class(
    predicted: Sequence[Collection[str]], true: Sequence[Collection[str]], labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Computes precision, recall and F1 of every label, as scikit-learn's `classification_report` does.

    Args:
        predicted, true: the labels of each text.
        labels: all label names.

    Returns:
        Per label that is predicted or true for a text: `precision`, `recall`, `f1` and `support`, the number of texts
        for which it is true. A figure of nothing, such as the precision of a label that is never predicted, is 0.
    """
    found = {}
    for label in labels:
        said, right = (np.array([label in each for each in names]) for names in (predicted, true))
        hits, answers, support = int(np.sum(said & right)), int(said.sum()), int(right.sum())
        if answers or support:
            found[label] = {
                "precision": hits / answers if answers else 0.0,
                "recall": hits / support if support else 0.0,
                "f1": 2 * hits / (answers + support),
                "support": support,
            }
    return found
