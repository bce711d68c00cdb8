"""Choices in signatures for texts: strings (batch, choices) become rows of the graph, and their numbers return so."""

from collections.abc import Collection

import tensorflow as tf

from kerasbert.export.formats.scores import LOGITS, SCORED
from kerasbert.models.multiple_choice import NO_CHOICE


def as_rows(texts: dict, lists: Collection[str]) -> dict:
    """Makes one row per choice. Other strings, (batch,), are repeated.

    Args:
        texts: strings by field.
        lists: the fields with several texts per example, (batch, choices); without any, the texts are rows already.
    """
    if not lists:
        return texts
    count = tf.shape(texts[next(iter(lists))])[1]
    return {
        name: tf.reshape(values, (-1,)) if name in lists else tf.repeat(values, count) for name, values in texts.items()
    }


def by_example(logits: dict, choices) -> dict:
    """The logits of rows, float32 (rows, 1) by name, as (batch, choices), and their probabilities as scores.

    Args:
        choices: strings (batch, choices). An empty one is no choice: its probability is 0.
    """
    found = {name: tf.reshape(rows, tf.shape(choices)) for name, rows in logits.items()}
    masked = {name: tf.where(choices == "", NO_CHOICE, values) for name, values in found.items()}
    return found | {name.removesuffix(LOGITS) + SCORED: tf.nn.softmax(values) for name, values in masked.items()}
