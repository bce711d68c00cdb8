"""The losses of distillation on text: relations against NumPy, the triple loss against torch's losses."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.errors import ConfigError
from kerasbert.training.distillation import cosine_loss, relation_heads_of, relation_loss, soft_target_loss

RECORDED = json.loads((Path(__file__).parent / "distillation.json").read_text(encoding="utf-8"))
ROWS, LENGTH = 3, 7
LENGTHS = (7, 4, 1)
SHAPES = {
    "equal": ((4, 6), (4, 6), 4),
    "other relation heads": ((4, 6), (4, 6), 12),
    "other heads": ((2, 12), (4, 6), 8),
    "other widths": ((4, 6), (2, 8), 8),
}
"""Name -> (heads, head size) of the teacher and of the student, and relation heads."""


def relations(x, heads: int) -> np.ndarray:
    """(heads, head size) of each token of one text, (N, T, H) -> (R, T, T), in float64 and without masks."""
    joined = np.concatenate(list(x.astype("float64")), axis=-1)  # (T, D)
    found = []
    for part in np.split(joined, heads, axis=-1):
        scores = np.exp(part @ part.T / np.sqrt(part.shape[-1]))
        found.append(scores / scores.sum(-1, keepdims=True))
    return np.stack(found)


def reference(teacher, student, heads: int) -> float:
    """The sum over the tokens of all texts, each of which is computed alone, at its own length."""
    total = 0.0
    for taught, learned, length in zip(teacher, student, LENGTHS, strict=True):
        p, q = (relations(x[:, :length], heads) for x in (taught, learned))
        total += (p * np.log(p / q)).sum(-1).mean(0).sum()
    return total


def drawn(heads: int, size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.5, (ROWS, heads, LENGTH, size)).astype("float32")


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Bias and weights of texts of `LENGTHS`."""
    weights = (np.arange(LENGTH) < np.array(LENGTHS)[:, None]).astype("float32")
    return (1 - weights[:, None, None]) * -1e4, weights


@pytest.mark.parametrize("case", SHAPES)
def test_relations_are_those_of_numpy(case):
    taught, learned, heads = SHAPES[case]
    teacher, student = drawn(*taught, 1), drawn(*learned, 2)
    loss = float(relation_loss(teacher, student, *masks(), heads=heads))
    assert loss == pytest.approx(reference(teacher, student, heads), rel=1e-6)
    assert loss > 1


def test_equal_relations_cost_nothing_and_padding_has_no_part():
    teacher, student = drawn(4, 6, 1), drawn(4, 6, 2)
    bias, weights = masks()
    assert float(relation_loss(teacher, teacher, bias, weights, heads=4)) == 0
    before = float(relation_loss(teacher, student, bias, weights, heads=4))
    for x in (teacher, student):
        x[1, :, LENGTHS[1] :] = 100.0
    assert float(relation_loss(teacher, student, bias, weights, heads=4)) == before


def test_large_numbers_in_float16_have_the_relations_of_float32():
    """Their products are above 65,504, the largest number of float16."""
    half = [(drawn(4, 6, seed) * 100).astype("float16") for seed in (1, 2)]
    single = [x.astype("float32") for x in half]
    found, wanted = (float(relation_loss(*pair, *masks(), heads=4)) for pair in (half, single))
    assert found == wanted > 1


def test_only_the_student_has_a_gradient():
    teacher, student = (tf.Variable(drawn(4, 6, seed)) for seed in (1, 2))
    with tf.GradientTape() as tape:
        loss = relation_loss(teacher, student, *masks(), heads=4)
    of_teacher, of_student = tape.gradient(loss, [teacher, student])
    assert of_teacher is None
    of_student = of_student.numpy()
    assert np.abs(of_student[0]).max() > 0.01
    assert not of_student[1, :, LENGTHS[1] :].any()
    step = np.zeros_like(of_student)
    step[0, 1, 2, 3] = 1e-3
    ends = [reference(teacher.numpy(), student.numpy().astype("float64") + sign * step, 4) for sign in (1, -1)]
    assert of_student[0, 1, 2, 3] == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=1e-3)


def test_relation_heads_are_those_of_the_paper_or_the_next_that_divide_both_widths():
    assert relation_heads_of(768, 384) == 48
    assert relation_heads_of(1024, 768) == 64
    assert relation_heads_of(384, 384) == 24
    assert relation_heads_of(384, 256) == 16
    assert relation_heads_of(8, 8) == 1
    assert relation_heads_of(384, 256, 128) == 128
    with pytest.raises(
        ConfigError, match="24, which does not divide the teacher's width 384 and the student's 256: us"
    ):
        relation_heads_of(384, 256, 24)


@pytest.fixture(scope="module")
def found() -> dict:
    """Losses, and their gradients, of what was recorded."""
    labels, real = np.array(RECORDED["labels"]), np.array(RECORDED["attention_mask"], "float32")
    chosen = (labels >= 0).astype("float32")
    logits, states = (
        {who: tf.Variable(x, dtype="float32") for who, x in RECORDED[name].items()} for name in ("logits", "states")
    )
    with tf.GradientTape() as tape:
        soft = soft_target_loss(*logits.values(), chosen, temperature=2.0) / chosen.sum()
        mlm = tf.nn.sparse_softmax_cross_entropy_with_logits(np.maximum(labels, 0), logits["student"])
        mlm = tf.reduce_sum(mlm * chosen) / chosen.sum()
        cosine = cosine_loss(*states.values(), real) / real.sum()
        loss = 5 * soft + 2 * mlm + cosine
    gradients = tape.gradient(loss, [logits["student"], states["student"], logits["teacher"], states["teacher"]])
    losses = {"soft": float(soft), "mlm": float(mlm), "cosine": float(cosine)}
    return {"losses": losses, "loss": float(loss), "gradients": gradients}


def test_the_triple_loss_is_that_of_the_published_code(found):
    assert found["losses"] == pytest.approx(RECORDED["losses"], rel=1e-6)
    assert found["loss"] == pytest.approx(RECORDED["loss"], rel=1e-6)


def test_its_gradients_are_too(found):
    of_logits, of_states, *of_teacher = found["gradients"]
    np.testing.assert_allclose(of_logits, RECORDED["gradients"]["logits"], atol=1e-6)
    np.testing.assert_allclose(of_states, RECORDED["gradients"]["states"], atol=1e-6)
    assert of_teacher == [None, None]
