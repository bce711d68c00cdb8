"""Examples with several rows each, as `fit` gets them, go through a model of rows."""

from collections.abc import Callable

from keras import ops


def on_rows(call: Callable, inputs: dict):
    """Calls a function of rows on the rows of examples.

    Args:
        call: tensors (rows, length) by name -> a tensor (rows, ...).
        inputs: tensors (examples, rows of an example, length) by name.

    Returns:
        A tensor (examples, rows of an example, ...).
    """
    sizes = ops.shape(inputs["input_ids"])
    found = call({name: ops.reshape(x, (-1, sizes[2])) for name, x in inputs.items()})
    return ops.reshape(found, (*sizes[:2], *found.shape[1:]))
