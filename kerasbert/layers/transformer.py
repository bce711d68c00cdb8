"""One encoder block (Vaswani et al. 2017, section 3.1). The norm comes after the residual sum, as in BERT."""

import keras

from kerasbert.layers.attention import SelfAttention
from kerasbert.layers.dense import dense
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.recompute import recomputed
from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class TransformerBlock(keras.layers.Layer):
    """`x = norm(x + attention(x))`, then `x = norm(x + feed_forward(x))`.

    Args:
        hidden_size, num_heads, intermediate_size: size of the vectors, number of heads, size of the feed-forward layer.
        activation: activation of the feed-forward layer, a key of `ACTIVATIONS`.
        dropout: rate after attention and after the feed-forward layer, in training.
        attention_dropout: rate on the attention probabilities, in training.
        epsilon: added to the variance in LayerNorm.
        stddev: standard deviation of new kernels.

    Call arguments:
        x: (batch, sequence, hidden_size).
        bias: (batch, 1, 1 or queries, sequence), from `AttentionBias`.
        queries: (batch, queries, hidden_size), the vectors of `x` whose outputs are computed; None means all. The last
            block needs only the positions that the model's head reads.

    Output shape: (batch, queries, hidden_size).
    """

    def __init__(
        self,
        *,
        hidden_size,
        num_heads,
        intermediate_size,
        activation="gelu",
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-12,
        stddev=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.settings = {
            "hidden_size": hidden_size,
            "num_heads": num_heads,
            "intermediate_size": intermediate_size,
            "activation": activation,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "epsilon": epsilon,
            "stddev": stddev,
        }
        shared = {"dtype": self.dtype_policy}
        self.attention = SelfAttention(
            hidden_size=hidden_size,
            num_heads=num_heads,
            dropout=attention_dropout,
            stddev=stddev,
            name="attention",
            **shared,
        )
        self.attention_norm = LayerNorm(epsilon=epsilon, name="attention_norm", **shared)
        self.intermediate = dense(
            intermediate_size, activation=activation, stddev=stddev, name="intermediate", **shared
        )
        self.output_dense = dense(hidden_size, stddev=stddev, name="output", **shared)
        self.output_norm = LayerNorm(epsilon=epsilon, name="output_norm", **shared)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", **shared)

    def build(self, x_shape, bias_shape=None, queries_shape=None):
        for layer in (self.attention, self.attention_norm, self.intermediate, self.output_norm):
            layer.build(x_shape)
        self.output_dense.build((*x_shape[:-1], self.settings["intermediate_size"]))
        self.built = True

    def call(self, x, bias, queries=None, training=None):
        options = tracing_options()
        if training and options.recompute:
            inputs = (x, bias) if queries is None else (x, bias, queries)
            return recomputed(self, *inputs, training=training, xla=options.xla)
        queries = x if queries is None else queries
        attended = self.attention(x, bias, queries=queries)
        x = self.attention_norm(queries + self.dropout(attended))
        fed = self.output_dense(self.intermediate(x))
        return self.output_norm(x + self.dropout(fed))

    def compute_output_shape(self, x_shape, bias_shape=None, queries_shape=None):
        return queries_shape or x_shape

    def get_config(self):
        return {**super().get_config(), **self.settings}
