"""Linear layers as in BERT's checkpoints: truncated-normal kernels, activations by name."""

import math

import keras
from keras import ops

from kerasbert.layers.tracing import tracing_options

if keras.backend.backend() == "tensorflow":
    from kerasbert.tf.xla import linear


def gelu(x):
    """Exact GELU, `x * Phi(x)`, which BERT's checkpoints call "gelu" (arXiv 1606.08415).

    It is written with erf, because `keras.activations.gelu` becomes Erfc on TensorFlow, which tf2onnx cannot convert
    (tf2onnx #2347). TFLite fuses this form into one GELU as well.
    """
    return 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    """The tanh approximation of GELU, which checkpoints call "gelu_new" or "gelu_pytorch_tanh"."""
    return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


ACTIVATIONS = {
    None: None,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": keras.activations.relu,
    "tanh": keras.activations.tanh,
    "silu": keras.activations.silu,
}


@keras.saving.register_keras_serializable("kerasbert")
class Dense(keras.layers.Dense):
    """`keras.layers.Dense` with a faster gradient in training steps that XLA compiles for a CPU."""

    def call(self, inputs, training=None):
        if not (training and tracing_options().xla_cpu):
            return super().call(inputs, training=training)
        x = linear(inputs, ops.convert_to_tensor(self.kernel))
        if self.use_bias:
            x = x + self.bias
        return x if self.activation is None else self.activation(x)


def dense(units: int, *, activation: str | None = None, stddev: float = 0.02, **kwargs) -> Dense:
    """Creates a linear layer, (..., in) -> (..., units).

    Args:
        units: size of the output.
        activation: a key of `ACTIVATIONS`, as checkpoints name it.
        stddev: standard deviation of the new kernel.
    """
    initializer = keras.initializers.TruncatedNormal(stddev=stddev)
    return Dense(units, activation=ACTIVATIONS[activation], kernel_initializer=initializer, **kwargs)
