"""The bars of the gate, just inside and just outside of each."""

import numpy as np
import pytest

from kerasbert.export.gate.bars import (
    AGREEMENT,
    DROP,
    HESITATES,
    ROUGH,
    ROUGH_DROP,
    SURE,
    TOLERANCE,
    hesitates,
    judge_answers,
    judge_figure,
    judge_numbers,
)

CHOICE, CHOICES, NUMBER, VECTOR = BARS = ("choice", "choices", "number", "vector")


def with_margin(margin: float, *, label: int = 1) -> list[float]:
    """Two logits whose probabilities are `margin` apart, in favour of `label`."""
    gap = float(np.log((1 + margin) / (1 - margin)))
    return [0.0, gap] if label else [gap, 0.0]


@pytest.mark.parametrize("bar", BARS)
def test_float32_numbers_may_differ_by_the_tolerance_and_no_more(bar):
    expected = np.zeros((3, 2))
    for off, passes in ((0.99 * TOLERANCE, True), (1.01 * TOLERANCE, False)):
        actual = expected.copy()
        actual[2, -1] -= off
        failures = judge_numbers(actual, expected, bar, "float32")
        assert (not failures) == passes
        assert judge_numbers(actual, expected, bar, "int8") == []  # its answers count, not its numbers
    assert failures == ["outputs differ by 0.0001, 0.0001 allowed"]


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_never_pass(wrong, bar, precision):
    good = np.zeros((200, 2), "float32")
    bad = good.copy()
    bad[0, 0] = wrong
    for actual, expected, message in (
        (bad, good, "its outputs are not all finite"),
        (good, bad, "Keras's own outputs are not all finite"),
        (bad, bad, "Keras's own outputs are not all finite"),
    ):
        assert judge_numbers(actual, expected, bar, precision) == [message]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_outputs_of_another_shape_never_pass(precision):
    """NumPy would stretch (3, 1) to (3, 2), and nothing is equal to nothing."""
    for actual, expected in (((3, 1), (3, 2)), ((2, 2), (3, 2)), ((0, 2), (0, 2))):
        failures = judge_numbers(np.zeros(actual), np.zeros(expected), CHOICE, precision)
        assert failures == [f"its outputs are of shape {actual}, Keras's of {expected}"]


def test_of_a_file_that_ends_in_scores_the_scores_are_compared():
    logits = np.random.default_rng(0).normal(size=(20, 3))
    for bar, moved in ((CHOICE, logits + 5), (CHOICES, logits + 1e-5), (NUMBER, logits + 1e-5)):
        assert judge_numbers(moved, logits, bar, "float32", scores=True) == []
        assert judge_numbers(moved * 1.01, logits, bar, "float32", scores=True)
    assert judge_numbers(logits + 5, logits, CHOICE, "float32")


@pytest.mark.parametrize(("misses", "passes"), [(0, True), (1, True), (2, False)])
def test_a_quantised_file_agrees_on_99_of_100_answers(misses, passes):
    alike = [False] * misses + [True] * (100 - misses)
    assert (judge_answers(alike, "int8") == []) == passes
    assert (judge_answers(alike, "float32") == []) == (misses == 0)


def test_the_share_and_the_place_are_said():
    assert judge_answers([True] * 20 + [False], "int8") == ["95.24% of answers agree, 99% wanted"]
    assert judge_answers([False], "float32", where=" on the data") == [
        "0.00% of answers on the data agree, 100% wanted"
    ]


@pytest.mark.parametrize(("precision", "wanted"), [*ROUGH.items(), ("int16x8", AGREEMENT), ("float16", AGREEMENT)])
def test_each_precision_has_its_share(precision, wanted):
    fewest = round(1000 * wanted)
    for right, passes in ((fewest, True), (fewest - 1, False)):
        assert (judge_answers([True] * right + [False] * (1000 - right), precision) == []) == passes


@pytest.mark.parametrize(
    ("keras", "file", "passes"),
    [
        (0.99 * HESITATES, 0.99 * HESITATES, True),
        (0.99 * HESITATES, 0.99 * SURE, True),
        (0.99 * HESITATES, 1.01 * SURE, False),
        (1.01 * HESITATES, 0.01, False),
    ],
)
@pytest.mark.parametrize("bar", [CHOICE, CHOICES])
def test_another_label_passes_only_where_keras_hesitates_and_the_file_too(keras, file, passes, bar):
    expected, actual = np.array(with_margin(keras, label=1)), np.array(with_margin(file, label=0))
    if bar == CHOICES:  # one label, whose logit is the gap between the two
        expected, actual = expected[1:] - expected[:1], actual[1:] - actual[:1]
    assert hesitates(actual, expected, bar) == passes


def test_one_label_of_several_that_is_decided_otherwise_is_no_hesitation():
    keras, file = np.array([0.01, 9.0]), np.array([-0.01, -9.0])
    assert hesitates(file[:1], keras[:1], CHOICES)
    assert not hesitates(file, keras, CHOICES)


@pytest.mark.parametrize("bar", [NUMBER, VECTOR])
def test_a_number_is_always_decided(bar):
    assert not hesitates(np.zeros(2), np.zeros(2), bar)


@pytest.mark.parametrize(("lost", "passes"), [(0, True), (5, True), (6, False)])
def test_the_figure_on_data_may_fall_by_half_a_point_and_no_more(lost, passes):
    """0.8 - 0.795 is a little more than 0.005 in floating point."""
    assert DROP < 0.8 - 0.795
    failures = judge_figure(0.8, (800 - lost) / 1000, "int8", None, "accuracy")
    assert (not failures) == passes
    if not passes:
        assert failures == ["accuracy on the data falls by 0.60 points, 0.5 allowed"]


@pytest.mark.parametrize(("precision", "drop"), [*ROUGH_DROP.items(), ("float16", DROP)])
def test_each_precision_has_its_drop_and_the_users_own_comes_first(precision, drop):
    for given, allowed in ((None, drop), (0.001, 0.001), (0.0, 0.0)):
        assert judge_figure(0.9, 0.9 - allowed, precision, given, "accuracy") == []
        assert judge_figure(0.9, 0.9 - allowed - 1e-4, precision, given, "accuracy")


def test_a_task_without_a_figure_loses_none():
    assert judge_figure(None, 0.1, "int8", 0.0, "accuracy") == judge_figure(0.9, None, "int8", 0.0, "accuracy") == []
