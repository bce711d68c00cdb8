"""Examples with several rows each, as `fit` gets them, go through a model of rows."""

from collections.abc import Callable

import keras
from keras import ops

from kerasbert.layers.tracing import tracing_options


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


def on_first_and_others(call: Callable, inputs: dict):
    """The same with two calls: of the first rows of the examples, and of all others, each cut to its own longest row.

    A question is shorter than its answer, and both would be padded to one length. XLA knows no lengths that depend on
    the numbers, so there it is one call.

    Args:
        call, inputs: as for `on_rows`. The inputs have an `attention_mask`, whose ones stand in front.
    """
    alone = inputs["input_ids"].shape[1] == 1
    if alone or keras.backend.backend() != "tensorflow" or tracing_options().xla:
        return on_rows(call, inputs)
    parts = []
    for part in (slice(0, 1), slice(1, None)):
        longest = ops.maximum(ops.max(ops.sum(inputs["attention_mask"][:, part], axis=-1), initial=1), 1)
        parts.append(on_rows(call, {name: x[:, part, :longest] for name, x in inputs.items()}))
    return ops.concatenate(parts, axis=1)
