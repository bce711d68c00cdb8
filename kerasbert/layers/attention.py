"""Self-attention (Vaswani et al. 2017, sections 3.2.1 and 3.2.2)."""

import math

import keras
from keras import ops

from kerasbert.layers.dense import dense
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
class SelfAttention(keras.layers.Layer):
    """`softmax(q k^T / sqrt(H) + bias) v` in each of `num_heads` heads, then a linear layer on the joined heads.

    Args:
        hidden_size: size of the vectors.
        num_heads: number of heads; must divide `hidden_size`.
        dropout: rate on the attention probabilities, in training.
        stddev: standard deviation of new kernels.

    Call arguments:
        x: (batch, sequence, hidden_size).
        bias: (batch, 1, 1 or queries, sequence), added to the scores.
        queries: (batch, queries, hidden_size), the vectors that attend to `x`; None means `x` itself.

    Output shape: (batch, queries, hidden_size).
    """

    def __init__(self, *, hidden_size, num_heads, dropout=0.0, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size, self.num_heads, self.rate, self.stddev = hidden_size, num_heads, dropout, stddev
        self.query, self.key, self.value, self.output_dense = (
            dense(hidden_size, stddev=stddev, name=name, dtype=self.dtype_policy)
            for name in ("query", "key", "value", "output")
        )
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, x_shape, bias_shape=None, queries_shape=None):
        for layer in (self.query, self.key, self.value, self.output_dense):
            layer.build(x_shape)
        self.built = True

    def call(self, x, bias, queries=None):
        q = self.split(self.query(x if queries is None else queries))  # (B, N, Q, H)
        k = self.split(self.key(x))  # (B, N, T, H)
        v = self.split(self.value(x))
        if keras.backend.backend() == "jax" and not self.rate:
            context = self.fused(q, k, v, bias)
        else:
            scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2)))  # (B, N, Q, T)
            # The product is scaled, not q: ONNX Runtime recognises attention only in this form.
            weights = ops.softmax(scores * (1.0 / math.sqrt(self.hidden_size // self.num_heads)) + bias)
            context = ops.matmul(self.dropout(weights), v)  # (B, N, Q, H)
        return self.output_dense(self.merge(context))

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
            "dropout": self.rate,
            "stddev": self.stddev,
        }
        return {**super().get_config(), **own}
