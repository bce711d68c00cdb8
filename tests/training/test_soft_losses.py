"""The loss of a student against NumPy, by the definitions of the divergence and of the cross-entropy."""

import keras
import numpy as np
import pytest

from kerasbert.errors import ConfigError
from kerasbert.tasks.batches import Lesson, pad_lessons
from kerasbert.tasks.soft import with_soft_labels
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row
from kerasbert.training.losses import PositionCrossentropy
from kerasbert.training.soft_losses import SoftLoss, soft_losses

DRAW = np.random.default_rng(3)
ALPHA, T = 0.7, 3.0


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def divergence(p, q):
    return np.sum(p * np.log(p / q), -1)


def two(x):
    """The probabilities of both outcomes of a label."""
    p = 1 / (1 + np.exp(-x))
    return np.stack([p, 1 - p], -1)


def packed(right, taught):
    return np.stack([right, taught], -1).astype("float32")


def logits(*shape):
    return DRAW.normal(0, 2, shape).astype("float32")


def found(kind, right, taught, made):
    loss = SoftLoss(kind, ALPHA, T, reduction="none")
    return keras.ops.convert_to_numpy(loss(packed(right, taught), made))


def test_a_choice():
    taught, made = logits(4, 3), logits(4, 3)
    right = np.eye(3)[[0, 2, 1, 1]]
    right[3] = np.nan  # unknown
    hard = -np.log(softmax(made))[np.arange(4), [0, 2, 1, 1]] * [1, 1, 1, 0]
    soft = T**2 * divergence(softmax(taught / T), softmax(made / T))
    np.testing.assert_allclose(found("choice", right, taught, made), ALPHA * soft + (1 - ALPHA) * hard, rtol=1e-5)


def test_several_labels():
    taught, made = logits(3, 4), logits(3, 4)
    right = (DRAW.random((3, 4)) > 0.5).astype(float)
    right[1] = np.nan
    zeros_and_ones = np.stack([right, 1 - right], -1)
    hard = np.nan_to_num(-np.sum(zeros_and_ones * np.log(two(made)), -1).mean(-1))
    soft = T**2 * divergence(two(taught / T), two(made / T)).mean(-1)
    np.testing.assert_allclose(found("choices", right, taught, made), ALPHA * soft + (1 - ALPHA) * hard, rtol=1e-5)


def test_a_number():
    right, taught, made = np.array([[1.0], [np.nan]]), np.array([[2.0], [3.0]]), np.array([[4.0], [5.0]], "float32")
    np.testing.assert_allclose(found("number", right, taught, made), [0.7 * 4 + 0.3 * 9, 0.7 * 4], rtol=1e-6)


def test_a_choice_of_a_token_sees_no_padding():
    taught, made = logits(3, 5), logits(3, 5)
    right = np.zeros((3, 5))
    right[0, 2], right[1, 0] = 1, 1
    right[2] = np.nan
    right[1, 3:] = taught[1, 3:] = -1  # as lessons are padded
    right[2, 4:] = taught[2, 4:] = -1
    lengths, expected = (5, 3, 4), []
    for row, (length, place) in enumerate(zip(lengths, (2, 0, None), strict=True)):
        ours, theirs = made[row, :length], taught[row, :length]
        hard = 0 if place is None else -np.log(softmax(ours))[place]
        expected.append(ALPHA * T**2 * divergence(softmax(theirs / T), softmax(ours / T)) + (1 - ALPHA) * hard)
    np.testing.assert_allclose(found("position", right, taught, made), expected, rtol=1e-5)


def test_equal_logits_teach_nothing_and_unknown_answers_give_no_nan_gradient():
    tf = pytest.importorskip("tensorflow")
    made = tf.Variable(logits(2, 3))
    y = packed(np.full((2, 3), np.nan), made.numpy())
    with tf.GradientTape() as tape:
        value = SoftLoss("choice", 1.0, T)(y, made)
    assert float(value) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(tape.gradient(value, made), 0, atol=1e-6)


def test_right_answers_alone_have_the_usual_loss():
    made, right = logits(2, 3), np.array([2, 0])
    usual = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(SoftLoss("choice")(right, made)) == pytest.approx(float(usual(right, made)), rel=1e-6)
    places = np.eye(3)[[1, 2]]
    assert float(SoftLoss("position")(places, made)) == pytest.approx(float(PositionCrossentropy()(places, made)))


@pytest.mark.parametrize(("change", "message"), [({"alpha": 1.5}, "alpha is 1.5"), ({"temperature": 0.0}, "temper")])
def test_values_that_mean_nothing_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        SoftLoss("choice", **change)


def row(length: int) -> Row:
    ids = list(range(length))
    return Row(Example({"text": ""}), {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids})


def test_lessons_carry_both():
    """Per token: padded with weights of 0; an answer of weight 0 as a whole is the teacher's alone."""
    tags = Graph("model", MODEL_INPUTS, (Output("logits", "token", "choice", 2),))
    lessons = [Lesson(row(n), {"logits": np.ones(n, np.int32)}, {"logits": np.ones(n, np.float32)}) for n in (2, 3)]
    taught = [{"logits": logits(n, 2)} for n in (2, 3)]
    soft = [
        with_soft_labels(each, mine, tags, labelled=n == 0)
        for n, (each, mine) in enumerate(zip(lessons, taught, strict=True))
    ]
    _, targets, weights = pad_lessons([[each] for each in soft], tags)
    assert targets["logits"].shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(targets["logits"][0, :2, :, 0], [[0, 1], [0, 1]])
    np.testing.assert_array_equal(targets["logits"][0, :2, :, 1], taught[0]["logits"])
    assert np.isnan(targets["logits"][1, ..., 0]).all()
    np.testing.assert_array_equal(weights["logits"], [[1, 1, 0], [1, 1, 1]])
    places = Graph("model", MODEL_INPUTS, (Output("start_logits", "position", "choice"),))
    unplaced = Lesson(row(2), {"start_logits": np.array([1.0, 0.0])}, {"start_logits": np.float32(0)})
    both = with_soft_labels(unplaced, {"start_logits": np.array([0.5, 2.0])}, places, labelled=True)
    assert np.isnan(both.targets["start_logits"][:, 0]).all()
    assert both.weights["start_logits"] == 1
    assert isinstance(soft_losses(tags.outputs, ALPHA, T), SoftLoss)
