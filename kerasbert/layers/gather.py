"""Takes rows of a table, or tokens of a sequence, and multiplies with all rows of a table."""

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    from kerasbert.tf.kernels import gather, product_with_rows
else:

    def gather(table, ids):
        """Takes the rows `ids` of `table`: (V, D) and int (...) -> (..., D). Ids must not be negative."""
        return ops.take(table, ids, axis=0)

    def product_with_rows(x, table):
        """The dot product of each vector with each row of a table: (W, D) and (V, D) -> (W, V)."""
        return ops.matmul(x, ops.transpose(table))


def gather_tokens(x, positions):
    """Takes the vectors at some positions of each row: (B, T, ...) and int (B, P), from 0 to T - 1 -> (B, P, ...)."""
    batch, length = ops.shape(x)[:2]
    places = positions + ops.expand_dims(ops.arange(batch, dtype=positions.dtype) * length, -1)
    return gather(ops.reshape(x, (-1, *x.shape[2:])), places)
