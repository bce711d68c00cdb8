"""The spelling of a linear layer that XLA compiles well on a CPU is the same linear layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert.layers.dense import dense
from kerasbert.layers.xla_cpu import is_traced_for_xla_cpu, traced_for_xla_cpu


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
            with traced_for_xla_cpu(fast), tf.GradientTape() as tape:
                tape.watch(x)
                asked.append(is_traced_for_xla_cpu())
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
        with traced_for_xla_cpu(), tf.GradientTape() as tape:
            y = layer(x, training=True)
        return y, tape.gradient(y, layer.kernel.value)

    y, kernel = gradient(tf.ones((3, 2, 8)))
    assert y.shape == (3, 2, 4)
    np.testing.assert_allclose(kernel, np.full((8, 4), 6.0))
