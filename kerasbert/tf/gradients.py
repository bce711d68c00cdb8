"""Gradients of functions that contain a Keras model, with respect to their argument."""

import tensorflow as tf


def values_and_gradients(function, x) -> tuple:
    """Computes a function whose rows do not depend on each other, and its gradient.

    Args:
        function: a float tensor (rows, ...) -> (rows,).
        x: float (rows, ...).

    Returns:
        The values (rows,), and for each the gradient with respect to its row, the shape of `x`.
    """
    x = tf.convert_to_tensor(x)
    # Weights are not watched, so that no time goes into their gradients.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        values = function(x)
    return values, tape.gradient(values, x)
