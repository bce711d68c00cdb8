"""Rows as a tf.data pipeline: the same order for the same seed."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import tensorflow as tf

from kerasbert.tasks.batches import pad_rows, training_order
from kerasbert.tasks.task import Graph, Row


def make_dataset(
    rows: Sequence[Row],
    targets: np.ndarray,
    *,
    graph: Graph,
    batch_size: int,
    max_length: int,
    round_to: int = 1,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of the graph's inputs by name, int32 (batch, length), and targets.

    Args:
        rows: what the model sees. targets: (rows, ...).
        max_length: no batch is padded beyond it. round_to: else its length becomes a multiple of this.
        seed: shuffles anew in each epoch; None keeps the order.
    """
    lengths = np.array([len(row) for row in rows])
    epochs = count()

    def batches() -> Iterator:
        for chosen in training_order(lengths, batch_size, seed=seed, epoch=next(epochs)):
            yield pad_rows([rows[i] for i in chosen], graph, round_to=round_to, longest=max_length), targets[chosen]

    signature = (
        {each.name: tf.TensorSpec((None, None), tf.int32) for each in graph.inputs},
        tf.TensorSpec((None, *targets.shape[1:]), targets.dtype),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(lengths) // batch_size))).prefetch(2)
