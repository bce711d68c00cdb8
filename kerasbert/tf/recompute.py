"""Computes the values of a function again in the backward pass, in TensorFlow graphs."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow.compiler.tf2xla.python.xla import optimization_barrier


def recomputed(call: Callable, *, xla: bool) -> Callable:
    """Returns a function like `call` that keeps only its arguments for the backward pass.

    Args:
        call: takes tensors and returns a sequence of tensors. Only the first result has a gradient.
        xla: whether XLA will compile it.
    """

    @tf.custom_gradient
    def run(*arguments):
        def gradient(upstream, *_):
            # Without a barrier, TensorFlow merges the two equal computations into one.
            if xla:
                *again, upstream = optimization_barrier(*arguments, upstream)
            else:
                with tf.control_dependencies([upstream]):
                    again = [tf.identity(x) for x in arguments]
            floats = [x for x in again if x.dtype.is_floating]
            with tf.GradientTape() as tape:
                tape.watch(floats)
                output = call(*again)[0]
            found = iter(tape.gradient(output, floats, upstream))
            return [next(found) if x.dtype.is_floating else None for x in again]

        return call(*arguments), gradient

    return run
