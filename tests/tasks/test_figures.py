"""Figures against numbers worked out by hand."""

import numpy as np
import pytest

from kerasbert.tasks.figures.classification import by_class, evaluate
from kerasbert.tasks.text_classification import METRICS, NUMBER, SEVERAL, SINGLE

LABELS = "abcde"


def answers(names):
    """Answers of a classifier: a label per text, or a string of labels."""
    return [{"label": name, "score": 0.9} for name in names]


def several(texts):
    return [answers(names) for names in texts]


def numbers(values):
    return [{"label": "value", "score": float(value)} for value in values]


def test_accuracy_and_macro_f1_of_single_labels():
    # a: 2 right, 1 missed, 0 wrongly given: F1 = 4/5. b: 1, 1, 1: 1/2. c: 1, 0, 1: 2/3.
    figures = evaluate(answers("aabbcc"), list("aaabbc"), SINGLE, LABELS)
    assert figures == pytest.approx({"accuracy": 4 / 6, "macro_f1": (4 / 5 + 1 / 2 + 2 / 3) / 3})


def test_macro_f1_averages_the_labels_that_occur():
    """A label of the model that is neither true nor predicted has no F1; one that is only predicted has 0."""
    figures = evaluate(answers("aac"), list("aaa"), SINGLE, LABELS)
    assert figures == pytest.approx({"accuracy": 2 / 3, "macro_f1": (4 / 5 + 0) / 2})
    assert evaluate(answers("dd"), list("dd"), SINGLE, LABELS) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_the_order_of_the_models_labels_does_not_matter():
    for labels in ("abcde", "edcba"):
        assert evaluate(several(["ac", "b"]), [frozenset("ac"), frozenset("ab")], SEVERAL, labels) == pytest.approx(
            {"accuracy": 1 / 2, "micro_f1": 2 * 3 / (3 + 4)}
        )


def test_multi_label_accuracy_wants_every_label_and_f1_counts_each():
    truths = [frozenset("ac"), frozenset("a"), frozenset(), frozenset("bc")]
    figures = evaluate(several(["ac", "ab", "", "b"]), truths, SEVERAL, "abc")
    # 4 labels found, 1 wrongly given, 1 missed.
    assert figures == pytest.approx({"accuracy": 2 / 4, "micro_f1": 2 * 4 / (5 + 5)})


def test_no_labels_at_all_found_and_none_true_is_right():
    assert evaluate([[], []], [frozenset()] * 2, SEVERAL, "abc") == {"accuracy": 1.0, "micro_f1": 1.0}


def test_errors_and_correlation_of_a_regression():
    figures = evaluate(numbers([1, 2, 4]), [1.0, 3.0, 3.0], NUMBER, ["value"])
    # Deviations (-4/3, -1/3, 5/3) and (-4/3, 2/3, 2/3).
    pearson = (16 / 9 - 2 / 9 + 10 / 9) / np.sqrt((16 / 9 + 1 / 9 + 25 / 9) * (16 / 9 + 4 / 9 + 4 / 9))
    assert figures == pytest.approx({"mse": 2 / 3, "mae": 2 / 3, "pearson": pearson})


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-3, 123456.7])
def test_a_correlation_with_a_constant_is_left_out(constant):
    same, others = [float(np.float32(constant))] * 7, list(np.arange(7.0))
    assert set(evaluate(numbers(same), others, NUMBER, ["value"])) == {"mse", "mae"}
    assert set(evaluate(numbers(others), [constant] * 7, NUMBER, ["value"])) == {"mse", "mae"}


def test_a_number_that_float32_rounds_is_no_error():
    """The model learnt the rounded one."""
    assert evaluate(numbers([np.float32(0.1)]), [0.1], NUMBER, ["value"]) == {"mse": 0.0, "mae": 0.0}


@pytest.mark.parametrize(
    ("problem_type", "found", "truths"),
    [
        (SINGLE, answers("aaaa"), list("abab")),
        (SEVERAL, several(["a"] * 4), [frozenset("abc")] * 4),
        (NUMBER, numbers([0, 0, 1, 1]), [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_figures_are_plain_python_numbers(problem_type, found, truths):
    figures = evaluate(found, truths, problem_type, "abc")
    assert {type(value) for value in figures.values()} == {float}
    assert figures.keys() == METRICS[problem_type].keys()


def test_figures_by_class_are_those_of_scikit_learns_report():
    """classification_report(["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "c", "c"]); "d" does not occur."""
    predicted, true = ([{label} for label in labels] for labels in ("aabbcc", "aaabbc"))
    found = by_class(predicted, true, "abcd")
    assert found.keys() == {"a", "b", "c"}
    assert found["a"] == pytest.approx({"precision": 1.0, "recall": 2 / 3, "f1": 4 / 5, "support": 3})
    assert found["b"] == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2})
    assert found["c"] == pytest.approx({"precision": 1 / 2, "recall": 1.0, "f1": 2 / 3, "support": 1})


def test_a_class_without_answers_or_without_texts_has_figures_of_0():
    found = by_class([{"a", "b"}, set()], [{"a"}, {"c"}], "abc")
    assert found["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert found["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert found["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
