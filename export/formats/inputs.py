"""The inputs of a graph as TensorFlow's specifications, for tracing."""

import tensorflow as tf

from kerasbert.tasks.task import Graph


def specifications(
    graph: Graph, *, rows: int | None = None, length: int | None = None, ids=tf.int32
) -> dict[str, tf.TensorSpec]:
    """Describes the inputs of a graph.

    Args:
        rows, length: sizes of the axes; None leaves an axis free.
        ids: dtype of the inputs that are no numbers of an example.

    Returns:
        By input name (rows, length), (rows, 1) for one value per row, or float32 (rows, width) for numbers.
    """
    return {
        each.name: tf.TensorSpec((rows, each.width), tf.float32, name=each.name)
        if each.axis == "number"
        else tf.TensorSpec((rows, 1 if each.axis == "row" else length), ids, name=each.name)
        for each in graph.inputs
    }
