"""Rows of a table, tokens of a sequence."""

import keras
from keras import ops


def gather(table, ids):
    """Rows `ids` of `table`: (V, D) and int (...) -> (..., D).

    `keras.ops.take` also wraps negative ids around; on TensorFlow that is a LESS, an ADD and a SELECT a table in every
    exported graph, none of which a mobile delegate takes. Ids here are never negative, so the plain gather serves.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # this backend has it loaded; no other backend comes here

        return tf.gather(table, ids)
    return ops.take(table, ids, axis=0)


def gather_tokens(x, positions):
    """The vectors at some places of each row: (B, T, ...) and int (B, P), in 0 to T - 1 -> (B, P, ...)."""
    batch, length = ops.shape(x)[:2]
    places = positions + ops.expand_dims(ops.arange(batch, dtype=positions.dtype) * length, -1)
    return gather(ops.reshape(x, (-1, *x.shape[2:])), places)
