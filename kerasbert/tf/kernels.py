"""TensorFlow operations that `keras.ops` lacks, for layers on the TensorFlow backend."""

import tensorflow as tf


def gather(table, ids):
    """Takes the rows `ids` of `table`: (V, D) and int (...) -> (..., D). Ids must not be negative.

    `keras.ops.take` also supports negative ids. That adds LESS, ADD and SELECT for each table to every exported graph,
    and mobile delegates support none of these.
    """
    return tf.gather(table, ids)


def cross_entropy(logits, ids):
    """Logits (W, V) and ids (W,) -> losses (W,) and their gradients with respect to the logits (W, V), in one pass."""
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=ids)
