"""Cuts texts to a number of tokens in TensorFlow's graph, and puts special tokens around them."""

from collections.abc import Iterable, Sequence

import tensorflow as tf


def _longest_first(lengths: list, room: int) -> list:
    """The numbers of tokens that the `tokenizers` library's strategy "longest_first" keeps of one or two texts.

    The shorter text keeps at most half of the room, rounded down, and the longer one gets the rest. If both are of one
    length, the first counts as the shorter.
    """
    if len(lengths) == 1:
        return [tf.minimum(lengths[0], room)]
    a, b = lengths
    short = tf.minimum(tf.minimum(a, b), room // 2)
    long = tf.minimum(tf.maximum(a, b), room - short)
    return [tf.where(a > b, long, short), tf.where(a > b, short, long)]


def _only_second(lengths: list, room: int) -> list:
    """The numbers of tokens that are kept if the second text makes room for the first."""
    first, second = (tf.minimum(each, room) for each in lengths)
    return [first, tf.minimum(second, room - first)]


CUTS = {"longest_first": _longest_first, "only_second": _only_second}
"""How a text or a pair is cut, as the `tokenizers` library names it -> the function from lengths to what is kept."""


def cut_rows(rows: tf.RaggedTensor, keep, room: int) -> tf.RaggedTensor:
    """The first tokens of each row: `keep` of them, int64 (rows,), at most `room`."""
    return tf.RaggedTensor.from_tensor(rows.to_tensor(shape=(None, room)), lengths=keep)


def with_ends(texts: Sequence, first: int, last: Iterable[int]) -> tf.RaggedTensor:
    """Joins the rows of all texts: a value before the first text, and one value behind each."""

    def column(value):
        return tf.fill([texts[0].nrows(), 1], value)

    parts = [column(first)]
    for each, value in zip(texts, last, strict=True):
        parts += [each, column(value)]
    return tf.concat(parts, axis=1)
