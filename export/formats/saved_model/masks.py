"""The place of the mask in texts that the graph itself has tokenised."""

from collections.abc import Mapping

import tensorflow as tf


def mask_positions(model, encoded: Mapping) -> dict[str, tf.Tensor]:
    """The input of a model that fills masks: int32 (batch, 1), the place of each row's first mask.

    Args:
        model: a `TextModel`; one that has no such input needs nothing.
        encoded: what the tokenizer gives, with `input_ids`.

    Raises:
        tf.errors.InvalidArgumentError: a row has no mask, when the graph runs.
    """
    if "mlm_positions" not in model.input:
        return {}
    mask = model.tokenizer.special["mask"]
    found = tf.equal(encoded["input_ids"], model.tokenizer.id_of("mask"))
    said = f"a text without {mask} among its first {model.max_length} tokens; put one where a word is wanted"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.reduce_any(found, axis=1)), [said])]):
        return {"mlm_positions": tf.argmax(tf.cast(found, tf.int32), axis=1, output_type=tf.int32)[:, tf.newaxis]}
