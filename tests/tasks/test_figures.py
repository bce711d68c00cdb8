"""Figures against numbers worked out by hand."""

import numpy as np
import pytest

from kerasbert.decoding.labels import PROBLEM_TYPES
from kerasbert.tasks.figures import evaluate

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES


def one_hot(numbers, count):
    return np.eye(count, dtype="float32")[numbers]


def test_accuracy_and_macro_f1_of_single_labels():
    # label 0: 2 right, 1 missed, 0 wrongly given: F1 = 4/5. label 1: 1, 1, 1: 1/2. label 2: 1, 0, 1: 2/3.
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), [0, 0, 1, 1, 2, 2]
    figures = evaluate(one_hot(predicted, 3), truth, SINGLE)
    assert figures == pytest.approx({"accuracy": 4 / 6, "macro_f1": (4 / 5 + 1 / 2 + 2 / 3) / 3})


def test_macro_f1_averages_the_labels_that_occur():
    """A label of the model that is neither true nor predicted has no F1; one that is only predicted has 0."""
    figures = evaluate(one_hot([0, 0, 2], 5), np.array([0, 0, 0]), SINGLE)
    assert figures == pytest.approx({"accuracy": 2 / 3, "macro_f1": (4 / 5 + 0) / 2})
    assert evaluate(one_hot([3, 3], 5), np.array([3, 3]), SINGLE) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_multi_label_accuracy_wants_every_label_and_f1_counts_each():
    logits = np.array([[1, -1, 1], [1, 1, -1], [-1, -1, -1], [-1, 1, 0]], "float32")
    truth = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]], "float32")
    # 4 labels found, 1 wrongly given, 1 missed.
    assert evaluate(logits, truth, MULTI) == pytest.approx({"accuracy": 2 / 4, "micro_f1": 2 * 4 / (5 + 5)})


def test_no_labels_at_all_found_and_none_true_is_right():
    assert evaluate(-np.ones((2, 3)), np.zeros((2, 3)), MULTI) == {"accuracy": 1.0, "micro_f1": 1.0}


def test_errors_and_correlation_of_a_regression():
    values, truth = np.array([[1.0], [2.0], [4.0]], "float32"), np.array([[1.0], [3.0], [3.0]], "float32")
    figures = evaluate(values, truth, REGRESSION)
    # Deviations (-4/3, -1/3, 5/3) and (-4/3, 2/3, 2/3).
    pearson = (16 / 9 - 2 / 9 + 10 / 9) / np.sqrt((16 / 9 + 1 / 9 + 25 / 9) * (16 / 9 + 4 / 9 + 4 / 9))
    assert figures == pytest.approx({"mse": 2 / 3, "mae": 2 / 3, "pearson": pearson})


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-3, 123456.7])
def test_a_correlation_with_a_constant_is_left_out(constant):
    values = np.full((7, 1), constant, "float32")
    assert set(evaluate(values, np.arange(7.0)[:, None], REGRESSION)) == {"mse", "mae"}
    assert set(evaluate(np.arange(7.0)[:, None], values, REGRESSION)) == {"mse", "mae"}


@pytest.mark.parametrize(
    ("problem_type", "truth"),
    [(SINGLE, np.zeros(4, "int32")), (MULTI, np.ones((4, 3), "float32")), (REGRESSION, np.ones((4, 1), "float32"))],
)
def test_figures_are_plain_python_numbers(problem_type, truth):
    logits = np.zeros((4, 3 if problem_type != REGRESSION else 1), "float32")
    assert {type(value) for value in evaluate(logits, truth, problem_type).values()} == {float}
