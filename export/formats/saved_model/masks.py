"""Masks in the graph: the tokens around each text's first mask, as `kerasbert.tasks.fill_mask` takes them."""

import numpy as np
import tensorflow as tf

from kerasbert.tf.wordpiece import InGraphWordPiece


def rows_around_masks(model, tokenizer: InGraphWordPiece, texts) -> dict[str, tf.Tensor]:
    """The inputs of a model that fills masks: of each text the tokens around its first mask, at most `max_length`.

    Args:
        model: the Keras model. tokenizer: its tokenizer in the graph.
        texts: strings (batch,).

    Raises:
        tf.errors.InvalidArgumentError: a text has no mask, when the graph runs.
    """
    ids, room = tokenizer.pieces(texts), model.max_length - 2
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    found = tf.equal(ids.to_tensor(-1), model.tokenizer.id_of("mask"))
    said = f"a text without {model.tokenizer.special['mask']}; put one where a word is wanted"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.reduce_any(found, axis=1)), [said])]):
        place = tf.argmax(tf.cast(found, tf.int32), axis=1, output_type=tf.int32)
    begin = tf.maximum(0, tf.minimum(place - room // 2, lengths - room))[:, tf.newaxis]
    places = tf.ragged.range(lengths)
    seen = tf.ragged.boolean_mask(ids, (places >= begin) & (places < begin + room))
    return {**tokenizer.inputs([seen]), "mlm_positions": place[:, tf.newaxis] - begin + 1}


def positions_in_rows(model, rows: dict) -> dict[str, np.ndarray]:
    """Where the first mask is in rows of the host's tokenizer, int32 (batch, 1), for a model that has this input."""
    if "mlm_positions" not in model.input:
        return {}
    found = rows["input_ids"] == model.tokenizer.id_of("mask")
    return {"mlm_positions": found.argmax(1).astype("int32")[:, np.newaxis]}
