"""Gradients with respect to intermediate tensors, on each backend."""

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    from kerasbert.tf.gradients import values_and_gradients
else:
    import jax

    def values_and_gradients(function, x) -> tuple:
        """See `kerasbert.tf.gradients`."""
        values, pull_back = jax.vjp(function, ops.convert_to_tensor(x))
        return values, pull_back(ops.ones_like(values))[0]


__all__ = ["values_and_gradients"]
