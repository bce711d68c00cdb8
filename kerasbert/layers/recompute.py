"""Activations computed twice instead of kept (Chen et al. 2016, arXiv 1604.06174)."""

import keras


def recomputed(layer, *inputs, training=None, xla=False):
    """`layer(*inputs)`, of which only the inputs are kept for the backward pass.

    The layer is called as a function of its weights, so that its dropout draws the same masks both times.
    `keras.remat` alone would draw others on TensorFlow, and TensorFlow would then see that both passes are the same
    computation and do it once.

    Args:
        xla: whether XLA will compile it.
    """
    variables = layer.variables
    states = layer.non_trainable_variables

    def call(*arguments):
        given = arguments[len(inputs) :]
        with keras.StatelessScope(list(zip(variables, given, strict=True))) as scope:
            output = layer(*arguments[: len(inputs)], training=training)
        return output, *(scope.get_current_value(state) for state in states)

    run = _on_tensorflow(call, xla) if keras.backend.backend() == "tensorflow" else keras.remat(call)
    output, *values = run(*inputs, *(variable.value for variable in variables))
    for state, value in zip(states, values, strict=True):
        state.assign(value)
    return output


def _on_tensorflow(call, xla: bool):
    import tensorflow as tf  # this backend has it loaded; no other backend comes here
    from tensorflow.compiler.tf2xla.python.xla import optimization_barrier

    @tf.custom_gradient
    def run(*arguments):
        def gradient(upstream, *_):
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
