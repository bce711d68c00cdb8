"""Attention (Vaswani et al. 2017, sections 3.2.1 to 3.2.3) and the biases that say who attends to whom."""

import math

import keras
from keras import ops

from kerasbert.layers.dense import dense
from kerasbert.layers.intermediates import is_needed, named
from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class AttentionBias(keras.layers.Layer):
    """Converts a mask to numbers that are added to attention scores: 0 for tokens, a very negative one for padding.

    It is computed once for all blocks. A select in every block would cut a TFLite graph into dozens of partitions.

    Call arguments:
        attention_mask: int (batch, sequence), 1 for tokens and 0 for padding.

    Output shape: (batch, 1, 1, sequence).
    """

    def call(self, attention_mask):
        mask = ops.expand_dims(ops.expand_dims(ops.cast(attention_mask, self.compute_dtype), 1), 1)
        return (1.0 - mask) * tracing_options().masked

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, input_shape[1])


@keras.saving.register_keras_serializable("kerasbert")
class PackedAttentionBias(keras.layers.Layer):
    """The attention bias of rows that hold several instances: 0 within an instance, a very negative number elsewhere.

    The softmax turns that number into exactly 0.0, so an instance's vectors do not depend on its neighbours at all.

    Call arguments:
        query_instances: int (batch, queries), the number of each query's instance.
        instance_ids: int (batch, sequence), the number of each key's instance.

    Output shape: (batch, 1, queries, sequence).
    """

    def call(self, query_instances, instance_ids):
        same = ops.expand_dims(query_instances, 2) == ops.expand_dims(instance_ids, 1)
        return ops.expand_dims((1.0 - ops.cast(same, self.compute_dtype)) * tracing_options().masked, 1)

    def compute_output_shape(self, query_instances_shape, instance_ids_shape):
        return (query_instances_shape[0], 1, query_instances_shape[1], instance_ids_shape[1])


@keras.saving.register_keras_serializable("kerasbert")
class CausalAttentionBias(keras.layers.Layer):
    """The attention bias of tokens that see themselves and the tokens before them.

    Call arguments:
        input_ids: (batch, sequence); only the shape counts.

    Output shape: (1, 1, sequence, sequence).
    """

    def call(self, input_ids):
        places = ops.arange(ops.shape(input_ids)[1])
        later = ops.expand_dims(places, 0) > ops.expand_dims(places, 1)  # (T, T)
        return ops.reshape(ops.cast(later, self.compute_dtype) * tracing_options().masked, (1, 1, *ops.shape(later)))

    def compute_output_shape(self, input_ids_shape):
        return (1, 1, input_ids_shape[1], input_ids_shape[1])


@keras.saving.register_keras_serializable("kerasbert")
class CacheAttentionBias(keras.layers.Layer):
    """The attention bias of one token per row, which sees the tokens before it in a cache, and itself.

    Call arguments:
        position: int (batch,), the token's position. The cache's places from there on are masked.
        cache: (batch, places, width); only the shape counts.

    Output shape: (batch, 1, 1, places + 1). The last place is the token's own.
    """

    def call(self, position, cache):
        position = ops.reshape(ops.cast(position, "float32"), (-1, 1, 1, 1))
        places = ops.arange(ops.shape(cache)[1], dtype="float32")
        empty = ops.clip(places - position + 1.0, 0.0, 1.0)  # no comparison: mobile delegates have none
        bias = ops.cast(empty * tracing_options().masked, self.compute_dtype)
        return ops.pad(bias, ((0, 0), (0, 0), (0, 0), (0, 1)))

    def compute_output_shape(self, position_shape, cache_shape):
        places = cache_shape[1]
        return (position_shape[0], 1, 1, None if places is None else places + 1)


@keras.saving.register_keras_serializable("kerasbert")
class Attention(keras.layers.Layer):
    """`softmax(score(q, k) + bias) v` in each of `num_heads` heads, then a linear layer on the joined heads.

    It is self-attention if queries, keys and values are made of the same vectors, and cross-attention if keys and
    values are made of others.

    Args:
        hidden_size: size of the vectors.
        num_heads: number of heads; must divide `hidden_size`.
        score: "dot", `q k^T / sqrt(H)`, or "additive", `scale^T tanh(q + k)` with a learned vector `scale` per head
            (Bahdanau et al. 2015, arXiv 1409.0473; in one head the same as `keras.layers.AdditiveAttention`).
        dropout: rate on the attention probabilities, in training.
        stddev: standard deviation of new kernels.

    Call arguments:
        x: (batch, sequence, hidden_size).
        bias: (batch or 1, 1, 1 or queries, sequence), added to the scores.
        queries: (batch, queries, hidden_size), the vectors that attend to `x`; None means `x` itself.

    Output shape: (batch, queries, hidden_size).
    """

    def __init__(self, *, hidden_size, num_heads, score="dot", dropout=0.0, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size, self.num_heads, self.score = hidden_size, num_heads, score
        self.rate, self.stddev = dropout, stddev
        self.query, self.key, self.value, self.output_dense = (
            dense(hidden_size, stddev=stddev, name=name, dtype=self.dtype_policy)
            for name in ("query", "key", "value", "output")
        )
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, x_shape, bias_shape=None, queries_shape=None):
        for layer in (self.query, self.key, self.value, self.output_dense):
            layer.build(x_shape)
        if self.score == "additive":
            shape = (self.num_heads, 1, 1, self.hidden_size // self.num_heads)
            self.scale = self.add_weight(shape=shape, initializer="glorot_uniform", name="scale")
        self.built = True

    def call(self, x, bias, queries=None):
        return self.attend(x if queries is None else queries, *self.keys_values(x), bias)

    def keys_values(self, x):
        """The keys and the values of vectors (B, T, D): two tensors (B, T, D)."""
        return self.key(x), self.value(x)

    def attend(self, x, keys, values, bias):
        """The attention of vectors (B, Q, D) to keys and values (B, T, D): (B, Q, D)."""
        q = named(self, "queries", self.split(self.query(x)))  # (B, N, Q, H)
        k = named(self, "keys", self.split(keys))  # (B, N, T, H)
        v = named(self, "values", self.split(values))
        jax = keras.backend.backend() == "jax"
        if jax and not self.rate and self.score == "dot" and not is_needed(self, "weights"):
            context = self.fused(q, k, v, bias)
        else:
            weights = named(self, "weights", ops.softmax(self.scores(q, k) + bias))  # (B, N, Q, T)
            context = ops.matmul(self.dropout(weights), v)  # (B, N, Q, H)
        return self.output_dense(self.merge(context))

    def scores(self, q, k):
        """(B, N, Q, H) and (B, N, T, H) -> (B, N, Q, T)."""
        if self.score == "additive":
            sums = ops.expand_dims(q, 3) + ops.expand_dims(k, 2)  # (B, N, Q, T, H)
            return ops.sum(self.scale * ops.tanh(sums), axis=-1)
        # The product is scaled, not q: ONNX Runtime recognises attention only in this form.
        return ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * (1.0 / math.sqrt(self.hidden_size // self.num_heads))

    def fused(self, q, k, v, bias):
        """The same in one kernel, which GPUs have for 16 bits. It never stores the scores. Returns (B, N, Q, H)."""
        q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in (q, k, v))
        # The kernel takes no bias that is one row for all queries.
        bias = ops.broadcast_to(bias, (*ops.shape(bias)[:2], ops.shape(q)[1], ops.shape(k)[1]))
        context = ops.dot_product_attention(
            q, k, v, bias=bias, flash_attention=keras.config.is_flash_attention_enabled()
        )
        return ops.transpose(context, (0, 2, 1, 3))

    def split(self, x):
        """(B, T, D) -> (B, N, T, H)."""
        batch, length = ops.shape(x)[:2]
        x = ops.reshape(x, (batch, length, self.num_heads, self.hidden_size // self.num_heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def merge(self, x):
        """(B, N, T, H) -> (B, T, D)."""
        batch, _, length, _ = ops.shape(x)
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, length, self.hidden_size))

    def compute_output_shape(self, x_shape, bias_shape=None, queries_shape=None):
        return queries_shape or x_shape

    def get_config(self):
        own = {
            "hidden_size": self.hidden_size,
            "num_heads": self.num_heads,
            "score": self.score,
            "dropout": self.rate,
            "stddev": self.stddev,
        }
        return {**super().get_config(), **own}
