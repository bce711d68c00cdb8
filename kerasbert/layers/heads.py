"""What stands on top of the encoder: pooler, masked words, next sentence, classifier."""

import keras
from keras import ops

from kerasbert.layers.dense import dense
from kerasbert.layers.gather import gather_tokens
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.tracing import tracing_options


@keras.saving.register_keras_serializable("kerasbert")
class FirstToken(keras.layers.Layer):
    """(batch, sequence, hidden) -> (batch, hidden): the vector of [CLS]. Pooling "cls"."""

    def call(self, x, attention_mask=None):
        # A slice and a reshape: `x[:, 0]` would be a strided slice with a shrunk axis, which leaves the delegate.
        return ops.reshape(x[:, :1], (-1, x.shape[-1]))

    def compute_output_shape(self, x_shape, attention_mask_shape=None):
        return (x_shape[0], x_shape[-1])


@keras.saving.register_keras_serializable("kerasbert")
class MeanPooling(FirstToken):
    """Pooling "mean", over real tokens: (batch, sequence, hidden), mask (batch, sequence) -> (batch, hidden).

    Spelled as a quotient of means: in 16-bit integers TFLite gives a sum the range of what is summed.
    """

    def call(self, x, attention_mask):
        mask = ops.expand_dims(ops.cast(attention_mask, x.dtype), -1)
        return ops.mean(x * mask, axis=1) / ops.maximum(ops.mean(mask, axis=1), 1e-4)


@keras.saving.register_keras_serializable("kerasbert")
class AdditivePooling(FirstToken):
    """Pooling "additive", a learned weighted mean: `softmax(v^T tanh(W x))` over real tokens (arXiv 1409.0473, 3.1)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # No bias: softmax does not see it.
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
    """(batch, hidden) -> the same vectors, of length 1."""

    def call(self, x):
        mean = ops.mean(ops.square(x), axis=-1, keepdims=True)  # no sum, for the reason of `MeanPooling`
        return x * ops.rsqrt(ops.maximum(mean * x.shape[-1], 1e-24))

    def compute_output_shape(self, input_shape):
        return input_shape


POOLINGS = {"cls": FirstToken, "mean": MeanPooling, "additive": AdditivePooling}


@keras.saving.register_keras_serializable("kerasbert")
class Pooler(keras.layers.Layer):
    """(batch, sequence, hidden) -> (batch, hidden): a linear layer and tanh on the first token."""

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
class MaskedLMHead(keras.layers.Layer):
    """Logits over the vocabulary at the masked positions only (BERT, section 3.1, task 1).

    Args:
        embeddings: the encoder's `Embeddings`, whose word table is the output matrix: tied, not copied.
        activation: of the transform; the encoder's.

    Call arguments:
        x: (batch, sequence, hidden_size).
        mlm_positions: int32 (batch, masked), into the sequence.

    Output: float32 (batch, masked, vocab_size).
    """

    def __init__(self, *, embeddings, activation="gelu", epsilon=1e-12, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.embeddings = embeddings
        self.settings = {"activation": activation, "epsilon": epsilon, "stddev": stddev}
        self.vocab_size, hidden_size = (embeddings.settings[name] for name in ("vocab_size", "hidden_size"))
        self.dense = dense(hidden_size, activation=activation, stddev=stddev, name="dense", dtype=self.dtype_policy)
        self.norm = LayerNorm(epsilon=epsilon, name="norm", dtype=self.dtype_policy)

    def build(self, x_shape, mlm_positions_shape):
        if not self.embeddings.built:
            self.embeddings.build((None, None))
        self.dense.build(x_shape)
        self.norm.build(x_shape)
        self.bias = self.add_weight(shape=(self.vocab_size,), initializer="zeros", name="bias", autocast=False)
        self.built = True

    def call(self, x, mlm_positions):
        x = self.transform(gather_tokens(x, mlm_positions))  # (B, M, D)
        word_table = ops.cast(self.embeddings.word_table, x.dtype)
        return ops.cast(ops.matmul(x, ops.transpose(word_table)), "float32") + ops.cast(self.bias, "float32")

    def transform(self, x):
        """(..., hidden_size), the vectors of masked tokens -> what the word table is multiplied with."""
        return self.norm(self.dense(x))

    def compute_output_shape(self, x_shape, mlm_positions_shape):
        return (*mlm_positions_shape, self.vocab_size)

    def get_config(self):
        tied = keras.saving.serialize_keras_object(self.embeddings)
        return {**super().get_config(), **self.settings, "embeddings": tied}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "embeddings": keras.saving.deserialize_keras_object(config["embeddings"])})


@keras.saving.register_keras_serializable("kerasbert")
class ClassificationHead(keras.layers.Layer):
    """Dropout and a linear layer: (batch, hidden) -> float32 logits (batch, num_labels). With 2 labels, the NSP head.

    Args:
        num_labels: width of the output.
        hidden_activation: of a hidden layer of the input's width before it (RoBERTa, DistilBERT); None for none.
        dropout: before each linear layer, while training.
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
