"""Table lookup."""

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
