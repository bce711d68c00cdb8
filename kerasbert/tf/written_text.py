"""The text of WordPiece ids as TensorFlow ops. It is the text that `kerasbert.tasks.seq2seq.decode` makes of them."""

import tensorflow as tf

from kerasbert.tasks.words import CJK
from kerasbert.tokenizers.wordpiece import WordPieceTokenizer

_SPACES = "[" + "".join(filter(str.isspace, map(chr, range(0x3001)))) + "]"
"""What Python's `str.strip` takes away, as a class of characters. No white space has a higher code point."""
_REWRITES = (
    (rf"\A{_SPACES}+|{_SPACES}+\z", ""),
    (f"({CJK.pattern}) ", r"\1"),
    (f" ({CJK.pattern})", r"\1"),
)
"""White space at the ends goes away, and so does a space beside a Chinese or Japanese character."""


def is_blank(texts) -> tf.Tensor:
    """Which texts are empty or white space alone: strings (batch,) -> bool (batch,)."""
    with tf.device("CPU:0"):
        return tf.strings.regex_full_match(texts, f"{_SPACES}*")


class InGraphText(tf.Module):
    """Makes texts of a `WordPieceTokenizer`'s ids in a graph.

    What the tokenizer's decoder writes for a token depends only on whether the token is the first one of the text. So
    there is a table of both. For a special token it writes nothing.

    Args:
        tokenizer: the host tokenizer. It is not kept.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        first = [tokenizer.decode([token]) for token in range(tokenizer.vocab_size)]
        before = next((token for token, text in enumerate(first) if text), 0)
        later = [tokenizer.decode([before, token])[len(first[before]) :] for token in range(len(first))]
        # A model may have more ids than the tokenizer has tokens. They write nothing and share the last place.
        self._first, self._later = (tf.constant([*texts, ""]) for texts in (first, later))

    def __call__(self, ids, lengths) -> tf.Tensor:
        """The texts, strings (batch,).

        Args:
            ids: int32 (batch, tokens), from 0. lengths: the number of each row's own tokens, int32 (batch,).
        """
        with tf.device("CPU:0"):  # where strings are
            own = tf.sequence_mask(lengths, tf.shape(ids)[1])
            ids = tf.where(own, tf.minimum(ids, tf.size(self._first) - 1), tf.size(self._first) - 1)
            first = tf.gather(self._first, ids)
            starts = tf.cumsum(tf.cast(first != "", tf.int32), axis=1, exclusive=True) == 0
            texts = tf.strings.reduce_join(tf.where(starts, first, tf.gather(self._later, ids)), axis=1)
            for pattern, replacement in _REWRITES:
                texts = tf.strings.regex_replace(texts, pattern, replacement)
            return texts
