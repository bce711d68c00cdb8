"""Logistic regression against scikit-learn's, and the descent on a function whose minimum is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasbert.training.logistic import logistic_regression, minimum

RECORDED = json.loads((Path(__file__).parent / "logistic.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RECORDED["found"])
def test_logits_are_those_of_scikit_learn(name):
    vectors, labels = np.array(RECORDED["vectors"]), np.array(RECORDED["labels"])
    weights = np.array(RECORDED["weights"]) if name == "weighted" else None
    kernel, bias = logistic_regression(vectors, labels, 3, weights=weights, c=RECORDED["found"][name]["c"])
    logits = vectors @ kernel + bias
    np.testing.assert_allclose(
        logits - logits.mean(axis=1, keepdims=True), RECORDED["found"][name]["logits"], atol=1e-4
    )


def test_equal_vectors_have_the_frequencies_of_the_labels():
    kernel, bias = logistic_regression(np.ones((4, 2)), np.array([0, 0, 0, 1]), 2)
    np.testing.assert_array_equal(kernel, np.zeros((2, 2)))
    assert np.exp(bias[1] - bias[0]) == pytest.approx(1 / 3, rel=1e-4)


def test_the_minimum_of_a_quadratic_function_is_found():
    draw = np.random.default_rng(0)
    root, wanted = draw.normal(size=(30, 30)), draw.normal(size=30)
    curvature = root @ root.T + np.eye(30)

    def function(place):
        return 0.5 * (place - wanted) @ curvature @ (place - wanted), curvature @ (place - wanted)

    np.testing.assert_allclose(minimum(function, np.zeros(30)), wanted, atol=1e-4)
