"""Choices of spelling hold within their block only; XLA's linear layer on a CPU is the same linear layer."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert.layers.attention import AttentionBias
from kerasbert.layers.dense import dense
from kerasbert.layers.embeddings import Embeddings
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.tracing import TracingOptions, traced_with, tracing_options


@pytest.mark.parametrize(("rows", "wide", "narrow"), [((2, 5), 16, 48), ((2, 5), 48, 16), ((7,), 8, 8)])
@pytest.mark.parametrize("activation", [None, "gelu"])
def test_outputs_and_gradients_are_those_of_keras(rows, wide, narrow, activation):
    keras.utils.set_random_seed(0)
    layer = dense(narrow, activation=activation, stddev=0.5)
    x = tf.random.normal((*rows, wide))
    layer.build(x.shape)
    upstream = tf.random.normal((*rows, narrow))
    asked = []

    def gradients(fast):
        def pass_(x):
            with traced_with(xla_cpu=fast), tf.GradientTape() as tape:
                tape.watch(x)
                asked.append(tracing_options().xla_cpu)
                y = layer(x, training=True)
                values = [variable.value for variable in layer.trainable_variables]
                return [y, *tape.gradient(tf.reduce_sum(y * upstream), [x, *values])]

        return tf.function(pass_, autograph=False, jit_compile=True)(x)

    for fast, plain in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=2e-5, atol=2e-5)
    assert asked == [True, False]


def test_an_open_batch_size():
    layer = dense(4)
    layer.build((None, None, 8))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, 8))], jit_compile=True)
    def gradient(x):
        with traced_with(xla_cpu=True), tf.GradientTape() as tape:
            y = layer(x, training=True)
        return y, tape.gradient(y, layer.kernel.value)

    y, kernel = gradient(tf.ones((3, 2, 8)))
    assert y.shape == (3, 2, 4)
    np.testing.assert_allclose(kernel, np.full((8, 4), 6.0))


def test_choices_hold_within_their_block_and_their_thread_and_add_up():
    seen = []
    with traced_with(masked=-50.0):
        with traced_with(xla_cpu=True):
            assert tracing_options() == TracingOptions(masked=-50.0, xla_cpu=True)
        thread = threading.Thread(target=lambda: seen.append(tracing_options()))
        thread.start()
        thread.join()
        assert tracing_options() == TracingOptions(masked=-50.0)
        with pytest.raises(ZeroDivisionError), traced_with(masked=0.0):
            _ = 1 / 0
        assert tracing_options().masked == -50.0
    assert seen == [tracing_options()] == [TracingOptions()]
    with pytest.raises(TypeError, match="mask"), traced_with(mask=0.0):
        pass


def test_layers_follow_the_choices():
    mask = np.array([[1, 1, 0]], "int32")
    with traced_with(masked=-50.0):
        np.testing.assert_array_equal(AttentionBias()(mask)[0, 0, 0], [0, 0, -50])
    np.testing.assert_array_equal(AttentionBias()(mask)[0, 0, 0], [0, 0, -1e4])
    x, norm = np.array([[1.0, 2.0, 6.0]], "float32"), LayerNorm(epsilon=0.0)
    plain = norm(x)
    with traced_with(square=lambda x: 4 * x * x):
        np.testing.assert_allclose(norm(x), plain / 2, rtol=1e-6)
    embeddings = Embeddings(vocab_size=5, hidden_size=4, max_positions=3, type_vocab_size=0)
    ids = np.array([[4, 1]], "int32")
    plain = embeddings(ids)
    embeddings.word_table.assign(embeddings.word_table / 2)
    embeddings.position_table.assign(embeddings.position_table / 3)
    with traced_with(column_scales=(np.full(4, 2.0, "float32"), np.full(4, 3.0, "float32"))):
        np.testing.assert_allclose(embeddings(ids), plain, atol=1e-5)
