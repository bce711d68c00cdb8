"""The bars of the gate, just inside and just outside of each."""

import numpy as np
import pytest

from kerasbert.export.gate.bars import DROP, HESITATES, SPREAD, SURE, TOLERANCE, agreement, judge, judge_data

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def sure(answers) -> np.ndarray:
    """Logits (texts, 2) that leave no doubt about the label numbers."""
    return np.where(np.eye(2, dtype=bool)[np.asarray(answers)], 9.0, -9.0).astype("float32")


def with_margin(margin: float, *, label: int = 1) -> list[float]:
    """Two logits whose probabilities are `margin` apart, in favour of `label`."""
    gap = float(np.log((1 + margin) / (1 - margin)))
    return [0.0, gap] if label else [gap, 0.0]


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI, REGRESSION])
def test_float32_logits_may_differ_by_the_tolerance_and_no_more(problem_type):
    expected = np.zeros((3, 1 if problem_type == REGRESSION else 2))
    for off, passes in ((0.99 * TOLERANCE, True), (1.01 * TOLERANCE, False)):
        actual = expected.copy()
        actual[2, -1] -= off
        failures = judge(actual, expected, problem_type, "float32")
        assert (not failures) == passes
    assert failures == ["outputs differ by 0.0001, 0.0001 allowed"]


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("problem_type", [SINGLE, MULTI, REGRESSION])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_never_pass(wrong, problem_type, precision):
    good = np.zeros((200, 2), "float32")
    bad = good.copy()
    bad[0, 0] = wrong
    truth = np.zeros(200, int) if problem_type == SINGLE else np.zeros((200, 2))
    for actual, expected, message in (
        (bad, good, "its outputs are not all finite"),
        (good, bad, "Keras's own outputs are not all finite"),
        (bad, bad, "Keras's own outputs are not all finite"),
    ):
        assert judge(actual, expected, problem_type, precision) == [message]
        assert judge_data(actual, expected, truth, problem_type) == [message]


def test_logits_of_another_shape_never_pass():
    """NumPy would stretch (3, 1) to (3, 2), and nothing is equal to nothing."""
    for actual, expected in (((3, 1), (3, 2)), ((2, 2), (3, 2)), ((0, 2), (0, 2))):
        for precision in ("float32", "int8"):
            failures = judge(np.zeros(actual), np.zeros(expected), SINGLE, precision)
            assert failures == [f"its outputs are of shape {actual}, Keras's of {expected}"]
        assert judge_data(np.zeros(actual), np.zeros(expected), np.zeros(len(expected), int), SINGLE)


@pytest.mark.parametrize(("misses", "passes"), [(0, True), (1, True), (2, False)])
def test_a_quantised_file_agrees_on_99_of_100_labels(misses, passes):
    expected = sure([0, 1] * 50)
    actual = expected.copy()
    actual[:misses] = actual[:misses, ::-1]
    failures = judge(actual, expected, SINGLE, "int8")
    assert (not failures) == passes
    assert agreement(actual, expected, SINGLE) == pytest.approx(1 - misses / 100)
    if misses:
        assert judge(actual, expected, SINGLE, "float32")


def test_one_text_of_the_golden_ones_is_enough_to_fail():
    expected = sure([0, 1] * 10 + [0])
    actual = expected.copy()
    actual[20] = actual[20, ::-1]
    assert judge(actual, expected, SINGLE, "int8") == ["95.2% of answers agree, 99% wanted"]


@pytest.mark.parametrize(
    ("keras", "file", "passes"),
    [
        (0.99 * HESITATES, 0.99 * HESITATES, True),
        (0.99 * HESITATES, 0.99 * SURE, True),
        (0.99 * HESITATES, 1.01 * SURE, False),
        (1.01 * HESITATES, 0.01, False),
    ],
)
@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_another_label_passes_only_where_keras_hesitates_and_the_file_too(keras, file, passes, problem_type):
    expected, actual = ([with_margin(keras, label=1)] * 5, [with_margin(file, label=0)] * 5)
    if problem_type == MULTI:  # one label, whose logit is the gap between the two
        expected, actual = ([[b - a] for a, b in rows] for rows in (expected, actual))
    failures = judge(np.array(actual), np.array(expected), problem_type, "int8")
    assert (not failures) == passes


def test_several_labels_agree_label_by_label():
    expected = np.full((20, 10), -9.0)
    expected[:, 0] = 9.0
    for misses, passes in ((2, True), (3, False)):  # of 200 labels
        actual = expected.copy()
        actual[:misses, 1] = 9.0
        assert (not judge(actual, expected, MULTI, "int8")) == passes
        assert agreement(actual, expected, MULTI) == 1 - misses / 200


def test_numbers_agree_within_a_share_of_their_spread_and_of_one_at_least():
    for values in (np.linspace(0, 40, 100)[:, None], np.linspace(0, 0.1, 100)[:, None]):
        allowed = SPREAD * max(1.0, np.ptp(values))
        for off, passes in ((0.99 * allowed, True), (1.01 * allowed, False)):
            actual = values.copy()
            actual[:2] += off  # one of a hundred may miss, two may not
            assert (not judge(actual, values, REGRESSION, "int8")) == passes
            assert (not judge_data(actual, values, values, REGRESSION)) == passes


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (5, True), (6, False)])
def test_accuracy_on_data_may_fall_by_half_a_point_and_no_more(lost, passes):
    """1,000 texts of which Keras has 800 right: 0.8 - 0.795 is a little more than 0.005 in floating point."""
    assert DROP < 0.8 - 0.795
    truth = np.zeros(1000, int)
    expected = sure([0] * 800 + [1] * 200)
    actual = sure([1] * lost + [0] * (800 - lost) + [1] * 200)
    failures = judge_data(actual, expected, truth, SINGLE)
    assert (not failures) == passes
    if not passes:
        assert failures == ["accuracy on the data falls by 0.60 points, 0.5 allowed"]


def test_a_file_that_is_better_than_keras_still_has_to_agree_with_it():
    truth = np.zeros(100, int)
    assert judge_data(sure(truth), sure([1] * 2 + [0] * 98), truth, SINGLE) == [
        "98.00% of answers on the data agree, 99% wanted"
    ]
    assert judge_data(sure(truth), sure([1] + [0] * 99), truth, SINGLE) == []


def test_on_labelled_data_hesitation_is_no_excuse():
    expected, actual = (np.array([with_margin(0.01, label=label)] * 100) for label in (0, 1))
    assert judge(actual, expected, SINGLE, "int8") == []
    assert judge_data(actual, expected, np.zeros(100, int), SINGLE) == [
        "0.00% of answers on the data agree, 99% wanted",
        "accuracy on the data falls by 100.00 points, 0.5 allowed",
    ]


def test_several_labels_lose_accuracy_by_the_text():
    """One label of ten wrong in one text of a hundred: 99.9 % of the labels agree, but a point of accuracy is lost."""
    truth = np.zeros((100, 10))
    expected = np.full((100, 10), -9.0)
    actual = expected.copy()
    actual[0, 0] = 9.0
    assert judge_data(actual, expected, truth, MULTI) == ["accuracy on the data falls by 1.00 points, 0.5 allowed"]


def test_of_a_file_that_ends_in_scores_the_scores_are_compared():
    expected = np.random.default_rng(0).normal(size=(20, 3))
    for problem_type, moved in ((SINGLE, expected + 5), (MULTI, expected + 1e-5), (REGRESSION, expected[:, :1] + 1e-5)):
        expected = expected[:, : moved.shape[-1]]
        assert judge(moved, expected, problem_type, "float32", scores=True) == []
        assert judge(moved * 1.01, expected, problem_type, "float32", scores=True)
    assert judge(expected + 5, expected, SINGLE, "float32")
