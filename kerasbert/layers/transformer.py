"""One block of an encoder or a decoder (Vaswani et al. 2017, section 3.1)."""

import keras
from keras import ops

from kerasbert.layers.attention import Attention
from kerasbert.layers.dense import dense
from kerasbert.layers.intermediates import named
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.recompute import recomputed
from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class TransformerBlock(keras.layers.Layer):
    """`x = norm(x + attention(x))`, then `x = norm(x + feed_forward(x))`.

    A decoder's block has attention to an encoder's vectors between the two, `x = norm(x + cross_attention(x, states))`.

    Args:
        hidden_size, num_heads, intermediate_size: size of the vectors, number of heads, size of the feed-forward layer.
        activation: activation of the feed-forward layer, a key of `ACTIVATIONS`.
        dropout: rate after attention and after the feed-forward layer, in training.
        attention_dropout: rate on the attention probabilities, in training.
        epsilon: added to the variance in LayerNorm.
        stddev: standard deviation of new kernels.
        cross_attention: the `score` of the attention to an encoder's vectors; None for a block of an encoder.
        norm_first: whether each step is `x = x + f(norm(x))` instead, which trains without warm-up (Xiong et al. 2020,
            arXiv 2002.04745).
        final_norm: whether the block's output is normalised once more, as that of the last block with `norm_first`.

    Call arguments:
        x: (batch, sequence, hidden_size).
        bias: (batch, 1, 1 or queries, sequence), from `AttentionBias`.
        queries: (batch, queries, hidden_size), the vectors of `x` whose outputs are computed; None means all. The last
            block needs only the positions that the model's head reads.
        states: (batch, tokens, hidden_size), the encoder's vectors, for a block with cross-attention.
        states_bias: (batch, 1, 1, tokens), their bias.

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
        cross_attention=None,
        norm_first=False,
        final_norm=False,
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
            "cross_attention": cross_attention,
            "norm_first": norm_first,
            "final_norm": final_norm,
        }
        self.norm_first = norm_first
        shared = {"dtype": self.dtype_policy}
        sizes = {"hidden_size": hidden_size, "num_heads": num_heads, "dropout": attention_dropout, "stddev": stddev}

        def norm(name):
            return LayerNorm(epsilon=epsilon, name=name, **shared)

        self.attention = Attention(**sizes, name="attention", **shared)
        self.attention_norm = norm("attention_norm")
        self.cross_attention = self.cross_attention_norm = None
        if cross_attention:
            self.cross_attention = Attention(**sizes, score=cross_attention, name="cross_attention", **shared)
            self.cross_attention_norm = norm("cross_attention_norm")
        self.intermediate = dense(
            intermediate_size, activation=activation, stddev=stddev, name="intermediate", **shared
        )
        self.output_dense = dense(hidden_size, stddev=stddev, name="output", **shared)
        self.output_norm = norm("output_norm")
        self.final_norm = norm("final_norm") if final_norm else None
        self.dropout = keras.layers.Dropout(dropout, name="dropout", **shared)

    def build(self, x_shape, bias_shape=None, queries_shape=None, states_shape=None, states_bias_shape=None):
        of_vectors = (self.attention, self.attention_norm, self.cross_attention, self.cross_attention_norm)
        for layer in (*of_vectors, self.intermediate, self.output_norm, self.final_norm):
            if layer is not None:
                layer.build(x_shape)
        self.output_dense.build((*x_shape[:-1], self.settings["intermediate_size"]))
        self.built = True

    def call(self, x, bias, queries=None, states=None, states_bias=None, training=None):
        options = tracing_options()
        if training and options.recompute:
            inputs = {"x": x, "bias": bias, "queries": queries, "states": states, "states_bias": states_bias}
            return recomputed(self, **inputs, training=training, xla=options.xla)

        def attention(normed):
            if queries is None:
                return self.attention(normed, bias)
            return self.attention(self.before(self.attention_norm, x), bias, queries=normed)

        def cross_attention(normed):
            return self.cross_attention(states, states_bias, queries=normed)

        return self.steps(x if queries is None else queries, attention, cross_attention)

    def step(self, x, past, bias, memory, memory_bias):
        """Computes one token of each row, as `call` computes it among the tokens before it.

        Args:
            x: (batch, 1, hidden_size), the token's vector.
            past: keys and values of the tokens before it, two tensors (batch, places, hidden_size).
            bias: (batch, 1, 1, places + 1), from `CacheAttentionBias`.
            memory: keys and values of the encoder's vectors, `cross_attention.keys_values(states)`.
            memory_bias: (batch, 1, 1, tokens), their bias.

        Returns:
            The output (batch, 1, hidden_size), and the token's own keys and values, each of the same shape.
        """
        own = self.attention.keys_values(self.before(self.attention_norm, x))
        every = [ops.concatenate(each, axis=1) for each in zip(past, own, strict=True)]
        x = self.steps(
            x,
            lambda normed: self.attention.attend(normed, *every, bias),
            lambda normed: self.cross_attention.attend(normed, *memory, memory_bias),
        )
        return x, own

    def steps(self, x, attention, cross_attention):
        """The block on vectors (B, Q, D), with its two attentions as functions of vectors."""
        x = self.residual(x, attention, self.attention_norm)
        if self.cross_attention is not None:
            x = self.residual(x, cross_attention, self.cross_attention_norm)
        x = self.residual(x, lambda normed: self.output_dense(self.intermediate(normed)), self.output_norm)
        return named(self, "output", x if self.final_norm is None else self.final_norm(x))

    def residual(self, x, function, norm):
        """`norm(x + f(x))`, or `x + f(norm(x))`."""
        x = x + self.dropout(function(self.before(norm, x)))
        return x if self.norm_first else norm(x)

    def before(self, norm, x):
        """What attention and the feed-forward layer get of `x`."""
        return norm(x) if self.norm_first else x

    def compute_output_shape(
        self, x_shape, bias_shape=None, queries_shape=None, states_shape=None, states_bias_shape=None
    ):
        return queries_shape or x_shape

    def get_config(self):
        return {**super().get_config(), **self.settings}
