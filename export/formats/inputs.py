"""The inputs of a graph as TensorFlow's specifications, for tracing."""

from collections.abc import Mapping

import tensorflow as tf

from kerasbert.tasks.task import Graph, Input


def specifications(
    graph: Graph,
    *,
    rows: int | None = None,
    length: int | None = None,
    places: int | None = None,
    ids=tf.int32,
    like: Mapping | None = None,
) -> dict[str, tf.TensorSpec]:
    """Describes the inputs of a graph.

    Args:
        rows, length: sizes of the axes; None leaves an axis free.
        places: the size of an axis that counts the tokens in a cache; None leaves it free.
        ids: dtype of the inputs that are no numbers and no vectors.
        like: the Keras model's inputs by name, which say whether one value per row has an axis of its own. None: it
            has.

    Returns:
        By input name (rows, length), (rows, 1) or (rows,) for one value per row, float32 (rows, width) for numbers, or
        float32 (rows, length, width) or (rows, places, width) for vectors.
    """
    sizes = {"row": (1,), "number": (), "cache": (places,)}

    def specification(each: Input) -> tf.TensorSpec:
        alone = each.axis == "row" and like is not None and len(like[each.name].shape) == 1
        axes = () if alone else sizes.get(each.axis, (length,))
        width = (each.width,) if each.width else ()
        return tf.TensorSpec((rows, *axes, *width), tf.float32 if each.width else ids, name=each.name)

    return {each.name: specification(each) for each in graph.inputs}
