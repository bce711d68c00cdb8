"""TensorFlow operations that `keras.ops` lacks, for layers on the TensorFlow backend."""

import tensorflow as tf


def gather(table, ids):
    """Takes the rows `ids` of `table`: (V, D) and int (...) -> (..., D). Ids must not be negative.

    `keras.ops.take` also supports negative ids. That adds LESS, ADD and SELECT for each table to every exported graph,
    and mobile delegates support none of these.
    """
    return tf.gather(table, ids)


def product_with_rows(x, table):
    """The dot product of each vector with each row of a table: (W, D) and (V, D) -> (W, V).

    `keras.ops.matmul` needs the transposed table, which an exported file would store beside the table itself.
    """
    return tf.matmul(x, table, transpose_b=True)


def cross_entropy(logits, ids):
    """Logits (W, V) and ids (W,) -> losses (W,) and their gradients with respect to the logits (W, V), in one pass."""
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=ids)
