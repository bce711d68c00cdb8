"""The time that a benchmark has left is told from the processes that have ended."""

import pytest

from kerasbert.export.benchmark.estimate import Cost, Estimate
from kerasbert.export.benchmark.measure import _runs_per_round

CLASSES = {("onnx", 1): "alone", ("onnx", 2): "alone", ("saved", 1): "tensorflow", ("tflite", 1): "alone"}


def test_one_of_each_class_is_measured_first():
    assert Estimate(CLASSES).order() == [("onnx", 1), ("saved", 1), ("onnx", 2), ("tflite", 1)]


def test_a_cost_is_what_opening_and_answers_take():
    cost = Cost.of(5.0, 4, [[100, 200, 100, 200], [350, 350, 350, 350]])  # half a second for both texts
    assert (cost.opening, cost.answer) == pytest.approx((3.0, 0.5))
    assert cost.seconds(10) == pytest.approx(8.0)


def test_the_rest_is_told_by_the_same_file_else_by_its_class():
    estimate = Estimate(CLASSES)
    rest = [(subject, 10) for subject in CLASSES]
    estimate.add(("onnx", 1), Cost(opening=1.0, answer=0.1))
    assert estimate.left(rest) is None  # nothing is known of files that need TensorFlow
    estimate.add(("saved", 1), Cost(opening=8.0, answer=0.2))
    assert estimate.left(rest) == pytest.approx(3 * 2.0 + 10.0)
    estimate.add(("onnx", 2), Cost(opening=1.0, answer=0.3))
    assert estimate.left(rest) == pytest.approx(2.0 + 4.0 + 10.0 + 3.0)
    assert estimate.left([]) == 0.0


@pytest.mark.parametrize(
    ("runs", "quick", "rounds"),
    [(None, False, [1, 15, 15]), (None, True, [5]), (4, False, [1, 2, 2]), (1, False, [1]), (2, True, [2])],
)
def test_the_first_round_is_short(runs, quick, rounds):
    assert _runs_per_round(runs, quick) == rounds
