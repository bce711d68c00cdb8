"""Sentences in signatures for texts: strings (batch, sentences) become rows, and their scores return so."""

import tensorflow as tf

from kerasbert.tf.cutting import cut_rows
from kerasbert.tf.wordpiece import InGraphWordPiece
from kerasbert.tf.written_text import is_blank


def rows_of_sentences(
    tokenizer: InGraphWordPiece, sentences, *, max_length: int
) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
    """Makes one row per text, of the sentences from its first one on that fit, as `kerasbert.tasks.sources` does.

    Args:
        sentences: strings (batch, sentences). One without text is left out. One that is longer than a row is cut.

    Returns:
        The inputs by name, int32 (batch, tokens). The number of each token's sentence, int32 (batch, tokens), -1 for
        padding. Whether a sentence was cut or did not fit, bool (batch,).
    """
    batch, count = tf.unstack(tf.shape(sentences))
    texts, room = tf.reshape(sentences, (-1,)), max_length - 2  # beside [CLS] and [SEP]
    pieces, blank = tokenizer.pieces(texts), is_blank(texts)
    lengths = tf.minimum(pieces.row_lengths(), room)
    sizes = tf.reshape(tf.where(blank, 0, tf.cast(lengths, tf.int32) + 2), (batch, count))
    ends = tf.cumsum(sizes, axis=1)
    taken = (sizes > 0) & (ends <= max_length)
    truncated = tf.reduce_any((sizes > 0) & ~taken, axis=1)
    truncated |= tf.reduce_any(tf.reshape((pieces.row_lengths() > room) & ~blank, (batch, count)), axis=1)

    alone = tokenizer.inputs([cut_rows(pieces, lengths, room)])  # each sentence as a row
    chosen = (alone["attention_mask"] > 0) & tf.reshape(taken, (-1, 1))
    owner = tf.cast(tf.where(chosen)[:, 0], tf.int32)  # the sentence of each token
    order = tf.reshape(tf.cumsum(tf.cast(taken, tf.int32), axis=1, exclusive=True), (-1,))
    columns = {
        "input_ids": tf.boolean_mask(alone["input_ids"], chosen),
        "token_type_ids": tf.gather(order % 2, owner),
        "attention_mask": tf.ones_like(owner),
        "sentence": owner % count,
    }
    rows = {
        name: tf.RaggedTensor.from_value_rowids(values, owner // count, tf.cast(batch, tf.int32), validate=False)
        for name, values in columns.items()
    }
    pads = {"input_ids": tokenizer.pad_id, "sentence": -1}
    made = {name: each.to_tensor(pads.get(name, 0)) for name, each in rows.items()}
    return made, made.pop("sentence"), truncated


def scores_of_sentences(logits, sentence, sentences) -> tf.Tensor:
    """The scores of sentences, float32 (batch, sentences): the sigmoid of the mean of their tokens' logits, and 0 for
    one that is not in its row.

    Args:
        logits: float32 (batch, tokens). sentence: what `rows_of_sentences` returns.
        sentences: strings (batch, sentences).
    """
    own = tf.cast(sentence[:, :, tf.newaxis] == tf.range(tf.shape(sentences)[1]), logits.dtype)  # (B, T, S)
    tokens = tf.reduce_sum(own, axis=1)
    means = tf.einsum("bt,bts->bs", logits, own) / tf.maximum(tokens, 1.0)
    return tf.where(tokens > 0, tf.sigmoid(means), 0.0)
