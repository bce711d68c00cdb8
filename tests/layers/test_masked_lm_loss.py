"""The loss of masked words in pieces, against softmax and its gradients in float64."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kerasbert.layers import masked_lm_loss as module
from kerasbert.layers.masked_lm_loss import masked_lm_loss

WORDS, WIDTH, VOCABULARY = 11, 8, 13
PIECES = {1: 2**24, 2: 6 * VOCABULARY, 4: 3 * VOCABULARY, 11: 1}
"""Number of pieces -> LOGITS."""


def arguments(seed: int = 0):
    chance = np.random.default_rng(seed)
    x, table, bias = (
        chance.normal(size=s).astype("float32") for s in ((WORDS, WIDTH), (VOCABULARY, WIDTH), VOCABULARY)
    )
    weights = chance.integers(0, 3, WORDS).astype("float32") / 2
    return x, table, bias, chance.integers(0, VOCABULARY, WORDS).astype("int32"), weights


def oracle(x, table, bias, ids, weights):
    """Loss, right ones, and the loss's gradients to x, table and bias."""
    x, table, bias = (values.astype("float64") for values in (x, table, bias))
    logits = x @ table.T + bias
    softmax = np.exp(logits - logits.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    loss = -(np.log(softmax[np.arange(WORDS), ids]) * weights).sum()
    dlogits = (softmax - np.eye(VOCABULARY)[ids]) * weights[:, None]
    right = ((logits.argmax(-1) == ids) * weights).sum()
    return loss, right, dlogits @ table, dlogits.T @ x, dlogits.sum(0)


def found(x, table, bias, ids, weights, scale: float):
    """The same of ours, of `scale` times the loss, on this backend."""
    if keras.backend.backend() == "jax":
        import jax

        def loss_of(x, table, bias):
            loss, right = masked_lm_loss(x, table, bias, ids, weights)
            return scale * loss, (loss, right)

        gradients, figures = jax.jit(jax.grad(loss_of, argnums=(0, 1, 2), has_aux=True))(x, table, bias)
        return *figures, *gradients
    import tensorflow as tf

    learned = [tf.convert_to_tensor(values) for values in (x, table, bias)]
    with tf.GradientTape() as tape:
        tape.watch(learned)
        loss, right = masked_lm_loss(*learned, ids, weights)
        scaled = scale * loss
    return loss, right, *tape.gradient(scaled, learned)


def check(given, values, scale: float) -> None:
    loss, right, *gradients = oracle(*given)
    for value, true in zip(values, (loss, right, *(scale * g for g in gradients)), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(value), true, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("shapes", ["eager", "static", "dynamic", "xla"])
def test_the_loss_is_that_of_all_logits(monkeypatch, pieces, shapes):
    import tensorflow as tf

    if shapes == "xla" and pieces in (2, 11):
        pytest.skip("a compilation a case; 1 and 4 pieces are enough")
    monkeypatch.setattr(module, "LOGITS", PIECES[pieces])
    given = arguments()

    def call(*tensors):
        return found(*tensors, scale=3.0)

    if shapes != "eager":
        words = None if shapes == "dynamic" else WORDS
        signature = [
            tf.TensorSpec([words if size == WORDS else size for size in values.shape], values.dtype) for values in given
        ]
        call = tf.function(call, input_signature=signature, jit_compile=shapes == "xla")
    check(given, call(*given), scale=3.0)


@pytest.mark.parametrize("pieces", [1, 4])
def test_smoothed_labels_give_the_loss_and_the_gradients_of_their_distribution(monkeypatch, pieces):
    import tensorflow as tf

    monkeypatch.setattr(module, "LOGITS", PIECES[pieces])
    *learned, ids, weights = arguments()
    learned = [tf.convert_to_tensor(values) for values in learned]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(learned)
        loss, _ = masked_lm_loss(*learned, ids, weights, label_smoothing=0.2)
        x, table, bias = learned
        labels = 0.8 * np.eye(VOCABULARY, dtype="float32")[ids] + 0.2 / VOCABULARY
        losses = tf.nn.softmax_cross_entropy_with_logits(labels, tf.matmul(x, table, transpose_b=True) + bias)
        wanted = tf.reduce_sum(losses * weights)
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    for ours, theirs in zip(tape.gradient(loss, learned), tape.gradient(wanted, learned), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_bfloat16_is_near(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(module, "LOGITS", PIECES[4])
    given = arguments()
    x, table = (tf.cast(values, "bfloat16") for values in given[:2])
    rounded = [tf.cast(values, "float32").numpy() for values in (x, table)]
    loss, right, dx, dtable, dbias = found(x, table, *given[2:], scale=1.0)
    assert (loss.dtype, dx.dtype, dtable.dtype, dbias.dtype) == ("float32", "bfloat16", "bfloat16", "float32")
    true = oracle(*rounded, *given[2:])
    for value, expected in zip((loss, right, dx, dtable, dbias), true, strict=True):
        np.testing.assert_allclose(tf.cast(value, "float32"), expected, atol=0.06, rtol=0.03)


def test_no_piece_holds_more_logits_than_it_may(monkeypatch):
    sizes = []
    piece = module._piece
    monkeypatch.setattr(module, "LOGITS", 5 * VOCABULARY)
    monkeypatch.setattr(module, "_piece", lambda x, *others: sizes.append(x.shape[0]) or piece(x, *others))
    found(*arguments(), scale=1.0)
    assert sizes == [4, 4, 4]  # 11 words in three pieces of the same size, the last one filled up


@pytest.mark.slow
def test_on_jax_it_is_the_same():
    if find_spec("jax") is None:
        pytest.skip("needs pip install jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, Path(__file__)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    for module.LOGITS in PIECES.values():
        check(arguments(), found(*arguments(), scale=3.0), scale=3.0)
