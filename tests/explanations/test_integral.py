"""Integrated gradients of functions whose integrals are known."""

import numpy as np
import pytest

from kerasbert.explanations.integral import MOST_STEPS, TOLERANCE, Term, integrate

RANDOM = np.random.default_rng(3)
VECTORS, BASELINE = RANDOM.normal(size=(2, 4, 3)).astype("float32")
WEIGHTS = RANDOM.normal(size=(4, 3)).astype("float32")


def term(value, gradient, share: float = 1.0) -> Term:
    """A term from a function of (points, tokens, width) and its gradient."""
    function = lambda x: (value(x), gradient(x))  # noqa: E731
    return Term(function=function, share=share, vectors=VECTORS, baseline=BASELINE)


LINEAR = term(lambda x: (x * WEIGHTS).sum((1, 2)) + 5, lambda x: np.broadcast_to(WEIGHTS, x.shape))
CUBE = term(lambda x: (x**3).sum((1, 2)), lambda x: 3 * x**2)


def test_a_linear_function_is_exact_with_one_point():
    found = integrate([LINEAR], steps=1)
    np.testing.assert_allclose(found.attributions[0], (WEIGHTS * (VECTORS - BASELINE)).sum(1), rtol=1e-5)
    assert found.steps == 1
    assert found.error < 1e-5
    assert found.score == pytest.approx((VECTORS * WEIGHTS).sum() + 5, rel=1e-5)
    assert found.baseline_score == pytest.approx((BASELINE * WEIGHTS).sum() + 5, rel=1e-5)


def test_a_cube_is_exact_with_two_points():
    """Gauss-Legendre's rule with n points is exact for polynomials of degree 2 n - 1; the gradient has degree 2."""
    found = integrate([CUBE], steps=2)
    np.testing.assert_allclose(found.attributions[0], (VECTORS**3 - BASELINE**3).sum(1), rtol=1e-4)


def test_a_product_is_shared_by_its_factors():
    """x y from (0, 0) to (a, b): each factor gets a b / 2, by the axiom of symmetry."""
    vectors, baseline = np.array([[2.0], [3.0]], "float32"), np.zeros((2, 1), "float32")
    product = Term(
        function=lambda x: (x[:, 0, 0] * x[:, 1, 0], x[:, ::-1]), share=1.0, vectors=vectors, baseline=baseline
    )
    np.testing.assert_allclose(integrate([product], steps=1).attributions[0], [3, 3], rtol=1e-6)


def test_terms_are_added_with_their_shares():
    twice = Term(function=CUBE.function, share=2.0, vectors=CUBE.vectors, baseline=CUBE.baseline)
    one, both = integrate([CUBE], steps=4), integrate([LINEAR, twice], steps=4)
    np.testing.assert_allclose(both.attributions[1], 2 * one.attributions[0])
    assert both.score == pytest.approx(integrate([LINEAR]).score + 2 * one.score)
    assert both.error < 1e-5


def steep(width: float) -> Term:
    """A step in the middle of the path, of a width in parts of it."""
    vectors, baseline = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")

    def function(x):
        value = (1 + np.tanh((x - 0.501) / width / 2)) / 2
        return value[:, 0, 0], value * (1 - value) / width

    return Term(function=function, share=1.0, vectors=vectors, baseline=baseline)


def test_points_are_doubled_until_the_attributions_are_complete():
    rough = integrate([steep(0.005)], steps=8, most=8)
    assert rough.steps == 8
    assert rough.error > TOLERANCE
    found = integrate([steep(0.005)], steps=8)
    assert 8 < found.steps <= MOST_STEPS
    assert found.error <= TOLERANCE
    assert np.log2(found.steps / 8).is_integer()


def test_there_is_a_limit_to_doubling():
    found = integrate([steep(1e-6)], steps=8, most=100)
    assert found.steps == 64
    assert found.error > TOLERANCE
