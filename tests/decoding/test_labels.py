"""Logits and scores of labels, against closed forms."""

import numpy as np
import pytest

from kerasbert.decoding.labels import SCORES, logits_of, sigmoid, softmax

BARS = ("choice", "choices", "number")


def test_softmax_of_logarithms_are_the_shares():
    shares = np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]])
    np.testing.assert_allclose(softmax(np.log(shares) + 7.0), shares, rtol=1e-14)


def test_sigmoid_is_one_over_one_plus_e_to_the_minus_x():
    x = np.linspace(-30, 30, 121)
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("function", [softmax, sigmoid])
def test_large_logits_do_not_overflow(function):
    np.testing.assert_array_equal(function(np.array([1e4, -1e4], "float32")), [1.0, 0.0])


def test_probabilities_are_float64_and_sum_to_one():
    scores = softmax(np.random.default_rng(0).normal(size=(50, 9)).astype("float32") * 10)
    assert scores.dtype == "float64"
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-15)


def test_every_kind_of_numbers_that_people_see_has_its_scores():
    logits = np.log(np.array([[1.0, 3.0]]))
    assert tuple(SCORES) == BARS
    np.testing.assert_allclose(SCORES["choice"](logits), [[0.25, 0.75]])
    np.testing.assert_allclose(SCORES["choices"](logits), [[0.5, 0.75]])
    np.testing.assert_array_equal(SCORES["number"](logits), logits)


@pytest.mark.parametrize("bar", BARS)
def test_logits_of_scores_have_these_scores(bar):
    logits = np.random.default_rng(0).normal(size=(50, 4)) * 3
    scores = SCORES[bar](logits).astype("float32")
    again = logits_of(scores, bar)
    assert again.dtype == "float32"
    np.testing.assert_allclose(SCORES[bar](again), scores, atol=1e-6)
    if bar == "choice":  # there a constant is lost
        again, logits = (x - x[:, :1] for x in (again, logits))
    np.testing.assert_allclose(again, logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bar", ["choice", "choices"])
def test_scores_of_nothing_and_of_all_have_finite_logits(bar):
    logits = logits_of(np.array([[0.0, 1.0]], "float32"), bar)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(SCORES[bar](logits), [[0.0, 1.0]], atol=1e-9)
