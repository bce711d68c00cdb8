"""Cross-entropy over a large vocabulary, which never holds all logits in memory."""

import math

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    from kerasbert.tf.kernels import cross_entropy
else:

    def cross_entropy(logits, ids):
        """Logits (W, V) and ids (W,) -> losses (W,) and their gradients with respect to the logits (W, V).

        The gradient is softmax minus one-hot.
        """
        log_sum = ops.logsumexp(logits, axis=-1, keepdims=True)
        true = ops.one_hot(ids, logits.shape[-1], dtype=logits.dtype)
        return log_sum[:, 0] - ops.sum(logits * true, axis=-1), ops.exp(logits - log_sum) - true


LOGITS = 2**24
"""Largest number of logits in memory at once: 64 MiB in float32."""


def masked_lm_loss(x, word_table, bias, ids, weights, *, label_smoothing=0.0):
    """Computes the summed loss of words, masked or next ones, and how many of them are predicted correctly.

    The words are processed in pieces. Logits, softmax and the gradient's three products of a piece are computed in one
    pass and then discarded, so the results need as much memory as the arguments. (Liger kernels do the same for torch,
    arXiv 2410.10989, section 3.2.)

    Args:
        x: (words, hidden_size), from `MaskedLMHead.transform`.
        word_table: (vocab_size, hidden_size), in the dtype of `x`.
        bias: float32 (vocab_size,).
        ids: int32 (words,), the true words.
        weights: float32 (words,), of each word in both sums.
        label_smoothing: the share of each target's probability that is spread over all words.

    Returns:
        Two float32 scalars: `loss`, in nats, with a gradient with respect to `x`, `word_table` and `bias`; and `right`,
        without a gradient: the sum of the weights of the words whose true id has the highest logit.
    """
    words, size = ops.shape(x)[0], max(1, LOGITS // word_table.shape[0])
    if isinstance(words, int):
        pieces = math.ceil(words / size)
        size = math.ceil(words / pieces)
    else:
        size = ops.minimum(size, words)
        pieces = -(-words // size)

    def of_all(x, word_table, bias):
        if isinstance(pieces, int) and pieces == 1:
            loss, right, *gradients = _piece(x, word_table, bias, ids, weights, label_smoothing)
        else:
            filled = (0, pieces * size - words)
            rows = (ops.pad(x, (filled, (0, 0))), ops.pad(ids, (filled,)), ops.pad(weights, (filled,)))

            def add_piece(number, sums):
                cut = [_rows(values, number * size, size) for values in rows]
                loss, right, dx, *others = _piece(cut[0], word_table, bias, *cut[1:], label_smoothing)
                dxs = ops.slice_update(sums[2], (number * size, 0), dx)
                return (sums[0] + loss, sums[1] + right, dxs, *(a + b for a, b in zip(sums[3:], others, strict=True)))

            zeros = (0.0, 0.0, ops.zeros_like(rows[0]), ops.zeros(word_table.shape, "float32"), ops.zeros_like(bias))
            start = tuple(ops.convert_to_tensor(zero) for zero in zeros)
            loss, right, dx, *others = ops.fori_loop(0, pieces, add_piece, start)
            gradients = [dx[:words], *others]

        def gradient(*upstream):
            scale = upstream[0][0] if isinstance(upstream[0], (tuple, list)) else upstream[0]
            like = (x, word_table, bias)
            return tuple(
                ops.cast(scale * ops.cast(g, "float32"), v.dtype) for g, v in zip(gradients, like, strict=True)
            )

        return (loss, right), gradient

    return ops.custom_gradient(of_all)(x, word_table, bias)


def _rows(values, start, size):
    return ops.slice(values, (start, *[0] * (len(values.shape) - 1)), (size, *values.shape[1:]))


def _piece(x, word_table, bias, ids, weights, label_smoothing):
    """`loss` and `right` of some words, and the gradients of the loss with respect to x, word_table and bias."""
    logits = ops.cast(ops.matmul(x, ops.transpose(word_table)), "float32") + bias  # (W, V)
    best = ops.max(logits, axis=-1)
    true = ops.take_along_axis(logits, ops.expand_dims(ids, -1), axis=-1)
    losses, dlogits = cross_entropy(logits, ids)
    dlogits = ops.cast(dlogits, x.dtype)
    weights = ops.expand_dims(weights, -1)
    weighted = ops.cast(weights, x.dtype)
    dx = ops.matmul(dlogits, word_table) * weighted
    dtable = ops.cast(ops.matmul(ops.transpose(dlogits), x * weighted), "float32")
    dbias = ops.cast(ops.matmul(ops.transpose(dlogits), weighted), "float32")[:, 0]
    if label_smoothing:
        more = _smoothing(x, word_table, bias, ids, weights)
        losses = losses + label_smoothing * (true[:, 0] - more[0])
        dx = dx + ops.cast(label_smoothing * more[1], dx.dtype)
        dtable, dbias = (a + label_smoothing * b for a, b in zip((dtable, dbias), more[2:], strict=True))
    right = ops.sum(weights * ops.cast(true >= ops.expand_dims(best, -1), "float32"))
    return ops.sum(weights[:, 0] * losses), right, dx, dtable, dbias


def _smoothing(x, word_table, bias, ids, weights):
    """The mean of each word's logits, and the gradients of (true logit - mean logit) with respect to x, word_table and
    bias.

    The mean is the product of `x` with the mean row of the table, so none of this needs a pass over the logits.
    """
    x, table, size = ops.cast(x, "float32"), ops.cast(word_table, "float32"), word_table.shape[0]
    row = ops.mean(table, axis=0)
    mean = ops.matmul(x, ops.expand_dims(row, -1))[:, 0] + ops.mean(bias)
    dx = weights * (ops.take(table, ids, axis=0) - row)
    weighted = ops.concatenate([x * weights, weights], axis=-1)  # (W, D + 1)
    true = ops.segment_sum(weighted, ids, size)
    change = true - ops.sum(weighted, axis=0) / size
    return mean, dx, change[:, :-1], change[:, -1]
