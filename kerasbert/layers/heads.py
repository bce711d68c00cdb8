"""The layers on top of the encoder: poolings, pooler, and the heads for masked words and for classification."""

import keras
from keras import ops

from kerasbert.layers.dense import dense
from kerasbert.layers.gather import gather_tokens, product_with_rows
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class FirstToken(keras.layers.Layer):
    """Pooling "cls", the vector of [CLS]: (batch, sequence, hidden) -> (batch, hidden)."""

    def call(self, x, attention_mask=None):
        # Not `x[:, 0]`: that is a strided slice with a shrunk axis, which mobile delegates do not support.
        return ops.reshape(x[:, :1], (-1, x.shape[-1]))

    def compute_output_shape(self, x_shape, attention_mask_shape=None):
        return (x_shape[0], x_shape[-1])


@keras.saving.register_keras_serializable("kerasbert")
class MeanPooling(FirstToken):
    """Pooling "mean", over tokens without padding: (batch, sequence, hidden) and (batch, sequence) -> (batch, hidden).

    It is computed as a quotient of two means, because TFLite in 16-bit integers gives a sum the range of its terms.
    """

    def call(self, x, attention_mask):
        mask = ops.expand_dims(ops.cast(attention_mask, x.dtype), -1)
        return ops.mean(x * mask, axis=1) / ops.maximum(ops.mean(mask, axis=1), 1e-4)


@keras.saving.register_keras_serializable("kerasbert")
class MaxPooling(FirstToken):
    """Pooling "max", over tokens without padding: the largest number of any token in each place of the vector."""

    def call(self, x, attention_mask):
        mask = ops.expand_dims(ops.cast(attention_mask, x.dtype), -1)
        return ops.max(x + (1.0 - mask) * tracing_options().masked, axis=1)


@keras.saving.register_keras_serializable("kerasbert")
class AdditivePooling(FirstToken):
    """Pooling "additive": the mean of all tokens, without padding, with the weights `softmax(v^T tanh(W x))`.

    `W` and `v` are learned (arXiv 1409.0473, section 3.1). Shapes as in `MeanPooling`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # No bias, because it does not change the softmax.
        self.score = dense(1, use_bias=False, name="score", dtype=self.dtype_policy)

    def build(self, x_shape, attention_mask_shape=None):
        self.hidden = dense(x_shape[-1], activation="tanh", name="hidden", dtype=self.dtype_policy)
        self.hidden.build(x_shape)
        self.score.build(x_shape)
        self.built = True

    def call(self, x, attention_mask):
        mask = ops.expand_dims(ops.cast(attention_mask, x.dtype), -1)
        scores = self.score(self.hidden(x)) + (1.0 - mask) * tracing_options().masked  # (B, T, 1)
        weights = ops.transpose(ops.softmax(scores, axis=1), (0, 2, 1))  # (B, 1, T)
        return ops.reshape(ops.matmul(weights, x), (-1, x.shape[-1]))


@keras.saving.register_keras_serializable("kerasbert")
class UnitLength(keras.layers.Layer):
    """Scales vectors to length 1: (batch, hidden) -> (batch, hidden)."""

    def call(self, x):
        mean = ops.mean(ops.square(x), axis=-1, keepdims=True)  # not a sum, for the reason given in `MeanPooling`
        return x * ops.rsqrt(ops.maximum(mean * x.shape[-1], 1e-24))

    def compute_output_shape(self, input_shape):
        return input_shape


POOLINGS = {"cls": FirstToken, "mean": MeanPooling, "max": MaxPooling, "additive": AdditivePooling}


@keras.saving.register_keras_serializable("kerasbert")
class Pooler(keras.layers.Layer):
    """A linear layer and tanh on the first token: (batch, sequence, hidden) -> (batch, hidden)."""

    def __init__(self, *, hidden_size, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"hidden_size": hidden_size, "stddev": stddev}
        self.first_token = FirstToken(name="first_token", dtype=self.dtype_policy)
        self.dense = dense(hidden_size, activation="tanh", stddev=stddev, name="dense", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.dense.build((input_shape[0], input_shape[-1]))
        self.built = True

    def call(self, x):
        return self.dense(self.first_token(x))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.settings["hidden_size"])

    def get_config(self):
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable("kerasbert")
class TokensAt(keras.layers.Layer):
    """Takes the vectors at some positions: (batch, sequence, D) and int32 (batch, masked) -> (batch, masked, D).

    It is computed as a product with rows of one 1 each, because a look-up would cut a TFLite graph in two.
    """

    def call(self, x, positions):
        return ops.matmul(ops.cast(tracing_options().one_hot(positions, ops.shape(x)[1]), x.dtype), x)

    def compute_output_shape(self, x_shape, positions_shape):
        return (*positions_shape, x_shape[-1])


@keras.saving.register_keras_serializable("kerasbert")
class MaskedLMHead(keras.layers.Layer):
    """Logits over the vocabulary at the masked positions only (BERT, section 3.1, task 1).

    Args:
        embeddings: the encoder's `Embeddings`, whose word table is the output matrix. It is shared, not copied.
        activation: a key of `ACTIVATIONS`, for the hidden layer; usually that of the encoder.
        epsilon: added to the variance in LayerNorm.
        stddev: standard deviation of new kernels.

    Call arguments:
        x: (batch, sequence, hidden_size).
        mlm_positions: int32 (batch, masked), positions in the sequence. None: all positions of `x`.

    Output: float32 (batch, masked, vocab_size).
    """

    def __init__(self, *, embeddings, activation="gelu", epsilon=1e-12, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.embeddings = embeddings
        self.settings = {"activation": activation, "epsilon": epsilon, "stddev": stddev}
        self.vocab_size, hidden_size = (embeddings.settings[name] for name in ("vocab_size", "hidden_size"))
        self.dense = dense(hidden_size, activation=activation, stddev=stddev, name="dense", dtype=self.dtype_policy)
        self.norm = LayerNorm(epsilon=epsilon, name="norm", dtype=self.dtype_policy)

    def build(self, x_shape, mlm_positions_shape=None):
        if not self.embeddings.built:
            self.embeddings.build((None, None))
        self.dense.build(x_shape)
        self.norm.build((*x_shape[:-1], self.dense.units))  # as narrow as the word table
        self.bias = self.add_weight(shape=(self.vocab_size,), initializer="zeros", name="bias", autocast=False)
        self.built = True

    def call(self, x, mlm_positions=None):
        x = self.transform(x if mlm_positions is None else gather_tokens(x, mlm_positions))  # (B, M, D)
        scales = tracing_options().column_scales
        if scales is not None:  # the columns of the word table are divided by these
            x = x * ops.cast(scales[0], x.dtype)
        word_table = ops.cast(self.embeddings.word_table, x.dtype)
        products = product_with_rows(ops.reshape(x, (-1, x.shape[-1])), word_table)  # (B M, V)
        products = ops.reshape(products, (*ops.shape(x)[:-1], self.vocab_size))
        return ops.cast(products, "float32") + ops.cast(self.bias, "float32")

    def transform(self, x):
        """The hidden layer and LayerNorm before the product with the word table: (..., hidden_size), same shape out."""
        return self.norm(self.dense(x))

    def compute_output_shape(self, x_shape, mlm_positions_shape=None):
        return (*(x_shape[:-1] if mlm_positions_shape is None else mlm_positions_shape), self.vocab_size)

    def get_config(self):
        tied = keras.saving.serialize_keras_object(self.embeddings)
        return {**super().get_config(), **self.settings, "embeddings": tied}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "embeddings": keras.saving.deserialize_keras_object(config["embeddings"])})


@keras.saving.register_keras_serializable("kerasbert")
class ClassificationHead(keras.layers.Layer):
    """Dropout and a linear layer: (batch, hidden) -> float32 logits (batch, num_labels).

    With 2 labels it is the next-sentence head.

    Args:
        num_labels: number of logits.
        hidden_activation: activation of a hidden layer before the logits, of the input's size (RoBERTa, DistilBERT);
            None for no hidden layer.
        dropout: rate before each linear layer, in training.
        stddev: standard deviation of new kernels.
    """

    def __init__(self, *, num_labels, hidden_activation=None, dropout=0.0, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "num_labels": num_labels,
            "hidden_activation": hidden_activation,
            "dropout": dropout,
            "stddev": stddev,
        }
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.dense = dense(num_labels, stddev=stddev, name="dense", dtype=self.dtype_policy)
        self.hidden = None

    def build(self, input_shape):
        activation = self.settings["hidden_activation"]
        if activation:
            options = {"stddev": self.settings["stddev"], "name": "hidden", "dtype": self.dtype_policy}
            self.hidden = dense(input_shape[-1], activation=activation, **options)
            self.hidden.build(input_shape)
        self.dense.build(input_shape)
        self.built = True

    def call(self, x):
        if self.hidden is not None:
            x = self.hidden(self.dropout(x))
        return ops.cast(self.dense(self.dropout(x)), "float32")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.settings["num_labels"])

    def get_config(self):
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable("kerasbert")
class Column(keras.layers.Layer):
    """One number of each token's vector: (batch, sequence, width) -> (batch, sequence).

    Args:
        index: the number's place in the vector.
    """

    def __init__(self, index: int, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, x):
        # Not `x[..., 0]`: see `FirstToken`.
        return ops.reshape(x[:, :, self.index : self.index + 1], ops.shape(x)[:2])

    def compute_output_shape(self, x_shape):
        return x_shape[:2]

    def get_config(self):
        return {**super().get_config(), "index": self.index}
