"""Makes a tf.data pipeline of rows. The same seed gives the same order."""

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
    """Makes a dataset of padded batches for training.

    Args:
        rows: the tokenised rows.
        targets: (rows, ...), the right answer for each row.
        graph: names the inputs.
        batch_size: rows per batch.
        max_length: largest length of a batch, in tokens.
        round_to: the length of a batch is rounded up to a multiple of this, but not beyond `max_length`.
        seed: rows are shuffled anew in each epoch; None keeps their order.

    Returns:
        A dataset of (inputs, targets): int32 (batch, length) by input name, and (batch, ...).
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
