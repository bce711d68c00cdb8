"""Computes activations twice instead of keeping them in memory (Chen et al. 2016, arXiv 1604.06174)."""

import keras

from kerasbert.layers.tracing import traced_with

TENSORFLOW = keras.backend.backend() == "tensorflow"
if TENSORFLOW:
    from kerasbert.tf import recompute as on_tensorflow


def recomputed(layer, *, training=None, xla=False, **inputs):
    """Calls a layer, and keeps only its inputs for the backward pass.

    The layer is called as a function of its weights, so that its dropout draws the same masks both times.
    `keras.remat` alone would draw other masks on TensorFlow.

    Args:
        layer: a built layer with one output.
        training: passed to the layer.
        xla: whether XLA will compile the training step.
        inputs: tensors, its arguments by name; those that are None are left out.

    Returns:
        The output of `layer(**inputs, training=training)`.
    """
    variables, weights = layer.variables, {id(weight) for weight in layer.weights}
    inputs = {name: x for name, x in inputs.items() if x is not None}
    states = [variable for variable in variables if id(variable) not in weights]

    def call(*arguments):
        given = arguments[len(inputs) :]
        mapping = list(zip(variables, given, strict=True))
        with traced_with(recompute=False), keras.StatelessScope(mapping) as scope:
            output = layer(**dict(zip(inputs, arguments, strict=False)), training=training)
        return output, *(scope.get_current_value(state) for state in states)

    run = on_tensorflow.recomputed(call, xla=xla) if TENSORFLOW else keras.remat(call)
    output, *values = run(*inputs.values(), *(variable.value for variable in variables))
    for state, value in zip(states, values, strict=True):
        state.assign(value)
    return output
