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
    """`keras.layers.Dense` with a faster gradient in training steps that XLA compiles for a CPU.

    After Keras's `enable_lora` a training step computes `x W + alpha / rank * (x A) B`, which needs no gradient of the
    size of W. Everywhere else the kernel is the merged one, in the type of the variables: Keras's has 16 bits in mixed
    precision, and a saved file would keep no more.
    """

    @property
    def kernel(self):
        if not self.lora_enabled:
            return super().kernel
        return self._kernel + self.lora_scale * ops.matmul(self.lora_kernel_a, self.lora_kernel_b)

    @property
    def lora_scale(self) -> float:
        """What the product of LoRA's two matrices is multiplied by."""
        return self.lora_alpha / self.lora_rank

    def call(self, inputs, training=None):
        on_cpu = training and tracing_options().xla_cpu
        if not (on_cpu or (training and self.lora_enabled)):
            return super().call(inputs, training=training)
        x = linear(inputs, ops.convert_to_tensor(self._kernel)) if on_cpu else ops.matmul(inputs, self._kernel)
        if self.lora_enabled:
            x = x + self.lora_scale * ops.matmul(ops.matmul(inputs, self.lora_kernel_a), self.lora_kernel_b)
        if self.use_bias:
            x = x + self.bias
        return x if self.activation is None else self.activation(x)

    def merge_lora(self) -> None:
        """Adds to the kernel what LoRA learned; the layer is then one without LoRA, whose kernel learns again."""
        self._kernel.assign(self.kernel)
        self._tracker.unlock()
        for variable in (self.lora_kernel_a, self.lora_kernel_b):
            self._untrack_variable(variable)
        self._tracker.lock()
        self.lora_enabled, self.lora_rank, self.lora_alpha = False, None, None
        self._kernel.trainable = self.trainable


def dense(units: int, *, activation: str | None = None, stddev: float = 0.02, **kwargs) -> Dense:
    """Creates a linear layer, (..., in) -> (..., units).

    Args:
        units: size of the output.
        activation: a key of `ACTIVATIONS`, as checkpoints name it.
        stddev: standard deviation of the new kernel.
    """
    initializer = keras.initializers.TruncatedNormal(stddev=stddev)
    return Dense(units, activation=ACTIVATIONS[activation], kernel_initializer=initializer, **kwargs)
