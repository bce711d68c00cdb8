"""Logits -> answers, against closed forms."""

import math

import numpy as np
import pytest

from kerasbert.decoding.labels import PROBLEM_TYPES, SCORES, decode, logits_of, sigmoid, softmax

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES


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


def test_a_single_label_is_the_most_probable_with_its_share():
    logits = np.log(np.array([[0.2, 0.8], [0.75, 0.25]], "float32"))
    answers = decode(logits, ["no", "yes"], SINGLE)
    assert [answer["label"] for answer in answers] == ["yes", "no"]
    assert [answer["score"] for answer in answers] == pytest.approx([0.8, 0.75])


def test_of_equal_logits_the_first_label_is_taken():
    assert decode(np.zeros((1, 4)), list("abcd"), SINGLE) == [{"label": "a", "score": 0.25}]


def test_multi_labels_are_those_above_one_half_each_with_its_own_score():
    logits = np.array([[0.0, math.log(3), -math.log(3)], [-1.0, -2.0, -3.0]])
    first, second = decode(logits, ["a", "b", "c"], MULTI)
    assert first["labels"] == ["b"]
    assert first["scores"] == pytest.approx({"a": 0.5, "b": 0.75, "c": 0.25})
    assert second["labels"] == []


def test_multi_labels_follow_the_sign_of_the_logit_as_the_metrics_do():
    assert decode(np.array([[1e-20, -1e-20]]), ["a", "b"], MULTI)[0]["labels"] == ["a"]


def test_a_regression_gives_its_value():
    assert decode(np.array([[2.5], [-1.0]], "float32"), ["value"], REGRESSION) == [{"value": 2.5}, {"value": -1.0}]


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_answers_are_plain_python_values(problem_type):
    """So that json.dumps takes them."""
    (answer,) = decode(np.ones((1, 1), "float32"), ["a"], problem_type)
    scores = answer.get("scores", answer)
    assert {type(value) for value in scores.values()} <= {float, str}


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_no_texts_no_answers(problem_type):
    assert decode(np.zeros((0, 2), "float32"), ["a", "b"], problem_type) == []


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_logits_of_scores_have_these_scores(problem_type):
    logits = np.random.default_rng(0).normal(size=(50, 4)) * 3
    scores = SCORES[problem_type](logits).astype("float32")
    again = logits_of(scores, problem_type)
    assert again.dtype == "float32"
    np.testing.assert_allclose(SCORES[problem_type](again), scores, atol=1e-6)
    if problem_type == SINGLE:  # there a constant is lost
        again, logits = (x - x[:, :1] for x in (again, logits))
    np.testing.assert_allclose(again, logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_scores_of_nothing_and_of_all_have_finite_logits(problem_type):
    logits = logits_of(np.array([[0.0, 1.0]], "float32"), problem_type)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(SCORES[problem_type](logits), [[0.0, 1.0]], atol=1e-9)
