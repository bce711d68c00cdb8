"""Embeddings of tokens: word + position + segment, normalised (BERT, section 3, figure 2)."""

import keras
import numpy as np
from keras import ops

from kerasbert.layers.gather import gather
from kerasbert.layers.intermediates import named
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.tracing import tracing_options


def sinusoids(positions: int, width: int) -> np.ndarray:
    """Fixed position table (Vaswani et al. 2017, section 3.5), in DistilBERT's layout: float32 (positions, width)."""
    angle = np.arange(positions)[:, None] / np.power(10000, 2 * (np.arange(width) // 2) / width)
    return np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle)).astype("float32")


@keras.saving.register_keras_serializable("kerasbert")
class Embeddings(keras.layers.Layer):
    """The sum of word, position and segment embeddings, followed by LayerNorm and dropout.

    Args:
        vocab_size, hidden_size, max_positions, type_vocab_size: sizes of the tables; 0 segments for no segment table.
        position_offset: row of the first token's position. If it is above 0 (RoBERTa: 2), the row before it and the id
            of the same number are those of padding, which takes no position, as in fairseq.
        sinusoidal: whether positions are fixed sines and cosines.
        dropout: rate after the normalisation, in training.
        epsilon: added to the variance in LayerNorm.
        stddev: standard deviation of new tables.
        words: other `Embeddings`, whose word table is this layer's too; None: the layer has its own.

    Call arguments:
        input_ids: int32 (batch, sequence).
        token_type_ids: int32 (batch, sequence); None means segment 0 for all tokens.
        position_ids: int32 (batch, sequence), counted from 0, for rows that hold several instances; None means 0, 1, 2
            and so on.

    Output shape: (batch, sequence, hidden_size).

    Raises:
        ValueError: there are more tokens than positions.
    """

    def __init__(
        self,
        *,
        vocab_size,
        hidden_size,
        max_positions,
        type_vocab_size=2,
        position_offset=0,
        sinusoidal=False,
        dropout=0.0,
        epsilon=1e-12,
        stddev=0.02,
        words=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.words = words
        self.settings = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "max_positions": max_positions,
            "type_vocab_size": type_vocab_size,
            "position_offset": position_offset,
            "sinusoidal": sinusoidal,
            "dropout": dropout,
            "epsilon": epsilon,
            "stddev": stddev,
        }
        self.position_offset = position_offset
        self.norm = LayerNorm(epsilon=epsilon, name="norm", dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, input_ids_shape, token_type_ids_shape=None, position_ids_shape=None):
        width, types = self.settings["hidden_size"], self.settings["type_vocab_size"]
        normal = keras.initializers.TruncatedNormal(stddev=self.settings["stddev"])

        def fixed(shape, dtype):
            return ops.convert_to_tensor(sinusoids(*shape), dtype)

        def table(name, rows, initializer=normal, trainable=True):
            return self.add_weight(shape=(rows, width), initializer=initializer, trainable=trainable, name=name)

        learned = not self.settings["sinusoidal"]
        if self.words is None:
            self.word_table = table("word_embeddings", self.settings["vocab_size"])
        else:
            if not self.words.built:
                self.words.build((None, None))
            self.word_table = self.words.word_table
        self.position_table = table(
            "position_embeddings", self.settings["max_positions"], normal if learned else fixed, learned
        )
        self.type_table = table("token_type_embeddings", types) if types else None
        self.norm.build((None, None, width))
        self.built = True

    @property
    def tables(self) -> tuple:
        """The tables whose rows are added, that of the segments left out, in the order of `column_scales`."""
        return self.word_table, self.position_table

    def call(self, input_ids, token_type_ids=None, position_ids=None):
        length, longest = ops.shape(input_ids)[1], self.settings["max_positions"] - self.position_offset
        if isinstance(length, int) and length > longest:
            raise ValueError(f"{length} tokens are more than the {longest} positions: give the tokenizer a max_length")
        word = named(self, "words", gather(self.word_table, input_ids))  # (B, T, D)
        if position_ids is None and self.position_offset:
            position = gather(self.position_table, self._fairseq_positions(input_ids))
        elif position_ids is None:
            position = self.position_table[self.position_offset : self.position_offset + length]  # (T, D)
        else:
            position = gather(self.position_table, position_ids + self.position_offset)
        scales = tracing_options().column_scales
        if scales is not None:
            word, position = (x * scale for x, scale in zip((word, position), scales, strict=True))
        x = word + position
        if token_type_ids is not None:
            x = x + gather(self.type_table, token_type_ids)
        elif self.type_table is not None:
            x = x + self.type_table[0]
        return named(self, "output", self.dropout(self.norm(x)))

    def _fairseq_positions(self, input_ids):
        """Rows of the position table, (B, T): tokens other than padding are counted, and padding has its own row.

        A text may hold a literal `<pad>`, behind which the count goes on as if it were not there.
        """
        padding = self.position_offset - 1
        counted = ops.cast(input_ids != padding, "int32")
        return ops.cumsum(counted, axis=1) * counted + padding

    def compute_output_shape(self, input_ids_shape, token_type_ids_shape=None, position_ids_shape=None):
        return (*input_ids_shape, self.settings["hidden_size"])

    def get_config(self):
        words = {} if self.words is None else {"words": keras.saving.serialize_keras_object(self.words)}
        return {**super().get_config(), **self.settings, **words}

    @classmethod
    def from_config(cls, config):
        words = {"words": keras.saving.deserialize_keras_object(config["words"])} if "words" in config else {}
        return cls(**{**config, **words})


@keras.saving.register_keras_serializable("kerasbert")
class StaticEmbeddings(keras.layers.Layer):
    """One vector per token, the same in every text: a row of the word table.

    Args:
        vocab_size, hidden_size: size of the table.
        stddev: standard deviation of a new table.

    Call arguments:
        input_ids: int32 (batch, sequence).
        token_type_ids: None, because there are no segments.

    Output shape: (batch, sequence, hidden_size).
    """

    def __init__(self, *, vocab_size, hidden_size, stddev=0.02, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"vocab_size": vocab_size, "hidden_size": hidden_size, "stddev": stddev}

    def build(self, input_ids_shape, token_type_ids_shape=None):
        shape = self.settings["vocab_size"], self.settings["hidden_size"]
        normal = keras.initializers.TruncatedNormal(stddev=self.settings["stddev"])
        self.word_table = self.add_weight(shape=shape, initializer=normal, name="word_embeddings")
        self.built = True

    @property
    def tables(self) -> tuple:
        """The word table, as `Embeddings` has it among others."""
        return (self.word_table,)

    def call(self, input_ids, token_type_ids=None):
        word = named(self, "words", gather(self.word_table, input_ids))
        scales = tracing_options().column_scales
        return named(self, "output", word if scales is None else word * scales[0])

    def compute_output_shape(self, input_ids_shape, token_type_ids_shape=None):
        return (*input_ids_shape, self.settings["hidden_size"])

    def get_config(self):
        return {**super().get_config(), **self.settings}
