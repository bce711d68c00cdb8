"""Makes a tf.data pipeline of rows. The same seed gives the same order."""

from collections.abc import Iterator, Sequence
from itertools import chain, count

import numpy as np
import tensorflow as tf

from kerasbert.tasks.batches import Lesson, pad_lessons, training_order
from kerasbert.tasks.task import Graph


def make_dataset(
    groups: Sequence[Sequence[Lesson]],
    *,
    graph: Graph,
    batch_size: int,
    max_length: int,
    round_to: int = 1,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Makes a dataset of padded batches for training.

    Args:
        groups: rows with their answers; the rows of a group share a batch.
        graph: names the inputs and outputs.
        batch_size: groups per batch.
        max_length: largest length of a batch, in tokens.
        round_to: the length of a batch is rounded up to a multiple of this, but not beyond `max_length`.
        seed: groups are shuffled anew in each epoch; None keeps their order.

    Returns:
        A dataset of (inputs, targets), or (inputs, targets, weights) if the lessons have weights: int32 (batch, length)
        by input name, and (batch, ...). Targets and weights are dicts by output name if the graph has several outputs.
    """
    lengths = np.array([max(len(lesson.row) for lesson in group) for group in groups])
    epochs = count()

    def batch_of(chosen) -> list[dict]:
        lessons = list(chain.from_iterable(groups[i] for i in chosen))
        inputs, *answers = pad_lessons(lessons, graph, round_to=round_to, longest=max_length)
        return [inputs, *(each for each in answers if each)]

    def bare(batch: list[dict]) -> tuple:
        """Keras wants no dict of the answers if there is one output."""
        inputs, *answers = batch
        return (inputs, *(answers if len(graph.outputs) > 1 else (next(iter(each.values())) for each in answers)))

    def batches() -> Iterator:
        for chosen in training_order(lengths, batch_size, seed=seed, epoch=next(epochs)):
            yield bare(batch_of(chosen))

    specifications = [{name: _specification(name, x, graph) for name, x in part.items()} for part in batch_of([0])]
    dataset = tf.data.Dataset.from_generator(batches, output_signature=bare(specifications))
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(lengths) // batch_size))).prefetch(2)


def _specification(name: str, values: np.ndarray, graph: Graph) -> tf.TensorSpec:
    """The shape of any batch; it is open in the rows and, unless there is one value per row, in the tokens."""
    axes = {each.name: each.axis for each in (*graph.inputs, *graph.outputs)}
    fixed = values.shape[1:] if axes[name] == "row" else values.shape[2:]
    return tf.TensorSpec([None] * (values.ndim - len(fixed)) + list(fixed), values.dtype)
