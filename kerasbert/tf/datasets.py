"""Rows as a tf.data pipeline: the same order for the same seed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import numpy as np
import tensorflow as tf

from kerasbert.tasks.rows import batch_order, pad_rows


def make_dataset(
    rows: Mapping[str, Sequence[Sequence[int]]],
    targets: np.ndarray,
    *,
    batch_size: int,
    max_length: int,
    pad_id: int = 0,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of a dict of int32 (batch, length), and targets.

    Args:
        rows: a row of ids an example, for each input (`kerasbert.tasks.rows.token_rows`).
        targets: (examples, ...).
        max_length: no batch is padded beyond it.
        seed: shuffle anew each epoch from this seed; None keeps the order.
    """
    lengths = np.array([len(row) for row in rows["input_ids"]])
    epochs = count()

    def batches() -> Iterator:
        for chosen in batch_order(lengths, batch_size, seed=seed, epoch=next(epochs)):
            yield pad_rows(rows, chosen, max_length=max_length, pad_id=pad_id), targets[chosen]

    signature = (
        {name: tf.TensorSpec((None, None), tf.int32) for name in rows},
        tf.TensorSpec((None, *targets.shape[1:]), targets.dtype),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(lengths) // batch_size))).prefetch(2)
