"""Single operations of TensorFlow that `keras.ops` lacks, for layers on TensorFlow's backend."""

import tensorflow as tf


def gather(table, ids):
    """Rows `ids` of `table`: (V, D) and int (...) -> (..., D). Ids are never negative.

    `keras.ops.take` also wraps negative ids around: a LESS, an ADD and a SELECT per table in every exported graph, none
    of which a mobile delegate takes.
    """
    return tf.gather(table, ids)


def cross_entropy(logits, ids):
    """(W, V) and (W,) -> the losses (W,), and their gradients to the logits (W, V), in one pass."""
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=ids)
