"""Layer normalisation."""

import keras
from keras import ops

from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class LayerNorm(keras.layers.Layer):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis (arXiv 1607.06450).

    It is written in the five steps that ONNX Runtime's LayerNormalization fusion looks for. It is computed in float32
    or wider, even in mixed precision: squares overflow in float16, whose smallest number is far above epsilon.

    Args:
        epsilon: added to the variance.
    """

    def __init__(self, *, epsilon=1e-12, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        shared = {"shape": input_shape[-1:], "autocast": False}
        self.gamma = self.add_weight(initializer="ones", name="gamma", **shared)
        self.beta = self.add_weight(initializer="zeros", name="beta", **shared)
        self.built = True

    def call(self, x):
        x = ops.cast(x, keras.backend.result_type(self.variable_dtype, "float32"))
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(tracing_options().square(centred), axis=-1, keepdims=True)
        normed = centred / ops.sqrt(variance + self.epsilon)
        return ops.cast(normed * ops.cast(self.gamma, x.dtype) + ops.cast(self.beta, x.dtype), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
