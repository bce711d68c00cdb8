"""Greedy search in TensorFlow's graph, with the decoder's cache as a tensor of a loop.

It writes the texts of `kerasbert.tasks.generating.write` with one beam.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Greedy(NamedTuple):
    """The texts of a batch, as tensors.

    Attributes:
        tokens: ids without the start token, int32 (batch, tokens).
        lengths: how many of them are a row's own, with the end token if the text has ended, int32 (batch,).
        scores: the sums of the log-probabilities, divided by length ** length_penalty, float32 (batch,).
        ended: whether a text has its end token, bool (batch,).
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    ended: tf.Tensor


def write_greedily(step: Callable[[dict], dict], memory, mask, going, settings) -> Greedy:
    """Writes a text for each row, the likeliest token each time. The loop stops when all rows have ended.

    Args:
        step: computes the graph "decoder_step" of `kerasbert.tasks.seq2seq.graphs`.
        memory: what the encoder made of the sources, float32 (batch, tokens, width).
        mask: of the sources, int32 (batch, tokens).
        going: bool (batch,), the rows that a text is written for. The others get none, with the score 0.
        settings: `kerasbert.tasks.seq2seq.Settings`. What it says of beams and of sampling is not read.
    """
    batch, width = tf.shape(going)[0], memory.shape[2]

    def unfinished(position, texts, lengths, sums, going, cache):
        return (position < settings.max_new_tokens) & tf.reduce_any(going)

    def next_token(position, texts, lengths, sums, going, cache):
        given = {"decoder_input_ids": texts[:, -1], "decoder_position": tf.fill([batch], position)}
        found = step(given | {"attention_mask": mask, "memory": memory, "cache": cache})
        logits = found["logits"]
        allowed = _allowed(logits, texts, settings)
        best, tokens = (x[:, 0] for x in tf.math.top_k(allowed, 1))  # the first one of equal ones, as on the host
        going &= best > -float("inf")  # the rules may leave no token, not even the end
        sums += tf.where(going, best - tf.reduce_logsumexp(logits, axis=1), 0.0)
        lengths += tf.cast(going, tf.int32)
        texts = tf.concat([texts, tokens[:, tf.newaxis]], axis=1)
        cache = tf.concat([cache, found["cache_entry"][:, tf.newaxis]], axis=1)
        return position + 1, texts, lengths, sums, going & (tokens != settings.eos_token_id), cache

    texts, none = tf.fill([batch, 1], settings.decoder_start_token_id), tf.zeros([batch], tf.int32)
    state = (0, texts, none, tf.zeros([batch]), going, tf.zeros([batch, 0, width]))
    shapes = tuple(tf.TensorShape(each) for each in ([], [None, None], [None], [None], [None], [None, None, width]))
    _, texts, lengths, sums, _, _ = tf.while_loop(unfinished, next_token, state, shape_invariants=shapes)
    scores = sums / tf.cast(tf.maximum(lengths, 1), tf.float32) ** settings.length_penalty
    last = tf.gather(texts, lengths, axis=1, batch_dims=1)
    return Greedy(texts[:, 1:], lengths, scores, ended=(lengths > 0) & (last == settings.eos_token_id))


def _allowed(logits, texts, settings) -> tf.Tensor:
    """Logits with -inf for the tokens that `kerasbert.decoding.generation.Rules` forbids after these texts."""
    size, written = settings.no_repeat_ngram_size, tf.shape(texts)[1]
    never = tf.constant(-float("inf"))
    if settings.min_new_tokens:
        early = written - 1 < settings.min_new_tokens
        ends = tf.range(logits.shape[1]) == settings.eos_token_id
        logits = tf.where(early & ends, never, logits)
    if size:
        count = tf.maximum(written - size + 1, 0)  # of the n-grams so far
        again = tf.fill([tf.shape(texts)[0], count], True)
        for place in range(size - 1):
            again &= texts[:, place : place + count] == texts[:, count + place : count + place + 1]
        places = tf.where(again)
        tokens = tf.gather_nd(texts[:, size - 1 :], places)
        forbidden = tf.stack([places[:, 0], tf.cast(tokens, tf.int64)], axis=1)
        logits = tf.tensor_scatter_nd_update(logits, forbidden, tf.fill(tf.shape(tokens), never))
    return logits
