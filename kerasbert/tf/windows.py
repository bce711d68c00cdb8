"""Windows of texts of any length in TensorFlow's graph, as `kerasbert.tasks.windows.text_windows` makes them."""

import tensorflow as tf

from kerasbert.tasks.windows import stride_of
from kerasbert.tf.wordpiece import InGraphWordPiece


def windows(
    tokenizer: InGraphWordPiece, texts, pairs=None, *, max_length: int
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Tokenises texts or pairs of any length as rows of at most `max_length` tokens that overlap.

    Args:
        texts: strings (batch,).
        pairs: the second text of each, strings (batch,); None if there are none.
        max_length: largest number of tokens per row, including special ones.

    Returns:
        The inputs by name, int32 (rows, longest row); and for each row the number of its text in the batch, int64
        (rows,), in increasing order.
    """
    read = [tokenizer.pieces(each) for each in (texts, pairs) if each is not None]
    lengths = [each.row_lengths() for each in read]
    room = max_length - 1 - len(read)
    first_is_longer = tf.greater(*lengths) if pairs is not None else tf.ones_like(lengths[0], tf.bool)
    longer = tf.reduce_max(lengths, axis=0)
    shorter = tf.add_n(lengths) - longer
    whole = room - shorter >= max(1, max_length // 4)  # whether the shorter text is whole in every window
    sizes = {False: tf.where(whole, shorter, tf.minimum(shorter, room // 2))}
    sizes[True] = tf.minimum(longer, room - sizes[False])  # tokens of the longer text in a window
    step = tf.maximum(sizes[True] - tf.minimum(sizes[True] // 2, stride_of(max_length)), 1)
    count = 1 + tf.where(whole, -((sizes[True] - longer) // step), 0)
    example = tf.repeat(tf.range(tf.size(count, tf.int64)), count)
    start = tf.gather(step, example) * tf.ragged.range(count).values

    def part(ids: tf.RaggedTensor, is_longer) -> tf.RaggedTensor:
        begin = tf.where(tf.gather(is_longer, example), start, 0)
        size = tf.gather(tf.where(is_longer, sizes[True], sizes[False]), example)
        end = tf.minimum(begin + size, tf.gather(ids.row_lengths(), example))
        places = tf.ragged.range(begin, end)
        offsets = tf.gather(ids.row_starts(), example)
        values = tf.gather(ids.values, places.values + tf.repeat(offsets, end - begin))
        return places.with_values(values)

    chosen = [first_is_longer, ~first_is_longer][: len(read)]
    return tokenizer.inputs([part(*each) for each in zip(read, chosen, strict=True)]), example


def averaged(values, mask, example):
    """The mean of an output over the rows of each text, weighted by their numbers of tokens.

    Args:
        values: float32 (rows, width). mask: the rows' `attention_mask`. example: what `windows` returns.

    Returns:
        float32 (batch, width). The values of a text's only row stay as they are.
    """
    tokens = tf.cast(tf.reduce_sum(mask, axis=1), values.dtype)
    share = tokens / tf.gather(tf.math.segment_sum(tokens, example), example)
    return tf.math.segment_sum(values * share[:, tf.newaxis], example)
