"""The decoder: blocks that see the tokens so far and an encoder's vectors, and a head that tells the next token."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import ops

from kerasbert.config import EncoderDecoderConfig
from kerasbert.layers.attention import AttentionBias, CacheAttentionBias, CausalAttentionBias
from kerasbert.layers.heads import MaskedLMHead
from kerasbert.models.encoder import BertEncoder, blocks_of, embeddings_of

MOST = 4
"""Number of tensors that are concatenated at a time."""


class Decoder(keras.layers.Layer):
    """BERT's embeddings, blocks with cross-attention, and the head of masked words, which here tells the next token.

    Args:
        config: the configuration of the encoder and of the decoder.
        words: the encoder's `Embeddings`, whose word table is also the decoder's if the configuration says so.

    Call arguments:
        decoder_input_ids: int32 (batch, length). Each token sees itself and those before it.
        states: (batch, tokens, hidden_size), the encoder's vectors.
        states_bias: (batch, 1, 1, tokens), from `AttentionBias`.

    Output: (batch, length, hidden_size), from which the layer `mlm` makes logits of the tokens that follow.
    """

    def __init__(self, config: EncoderDecoderConfig, *, words=None, **kwargs):
        super().__init__(**kwargs)
        own, shared = config.decoder, {"dtype": self.dtype_policy}
        words = words if config.tied_words else None
        self.embeddings = embeddings_of(own, words=words, name="embeddings", **shared)
        self.blocks = blocks_of(own, cross_attention=config.cross_attention, **shared)
        options = {**own.mlm, "stddev": own.initializer_range}
        self.mlm = MaskedLMHead(embeddings=self.embeddings, **options, name="mlm", **shared)
        self.causal_bias = CausalAttentionBias(name="causal_bias", **shared)
        self.cache_bias = CacheAttentionBias(name="cache_bias", **shared)
        self.memory_bias = AttentionBias(name="memory_bias", **shared)
        self.hidden_size, self.vocab_size = own.hidden_size, own.vocab_size

    @property
    def width(self) -> int:
        """Size of what the cache holds of a token: keys and values of all blocks."""
        return len(self.blocks) * 2 * self.hidden_size

    def build(self, decoder_input_ids_shape, states_shape=None, states_bias_shape=None):
        vectors = (*decoder_input_ids_shape, self.hidden_size)
        self.embeddings.build(decoder_input_ids_shape)
        for layer in (*self.blocks, self.mlm):
            layer.build(vectors)
        self.built = True

    def call(self, decoder_input_ids, states, states_bias):
        x, bias = self.embeddings(decoder_input_ids), self.causal_bias(decoder_input_ids)
        for block in self.blocks:
            x = block(x, bias, states=states, states_bias=states_bias)
        return x

    def memory(self, states):
        """Keys and values of the cross-attention of every block: (batch, tokens, hidden_size) -> (..., `width`)."""
        return side_by_side([x for block in self.blocks for x in block.cross_attention.keys_values(states)])

    def step(self, decoder_input_ids, decoder_position, attention_mask, memory, cache):
        """Computes what follows one token per row, as `call` computes it with all tokens at once.

        Args:
            decoder_input_ids, decoder_position: int32 (batch,), the token and its position.
            attention_mask: int32 (batch, tokens), of the encoder's vectors.
            memory: (batch, tokens, `width`), from `memory`.
            cache: (batch, places, `width`), the keys and values of the tokens before; later places are masked.

        Returns:
            Logits, float32 (batch, vocab_size), and the keys and values of this token, (batch, `width`).
        """
        ids, positions = (ops.expand_dims(x, 1) for x in (decoder_input_ids, decoder_position))
        x = self.embeddings(ids, position_ids=positions)  # (B, 1, D)
        bias, memory_bias = self.cache_bias(decoder_position, cache), self.memory_bias(attention_mask)
        memory, cache, entries = self.by_block(memory), self.by_block(cache), []
        for block, past, of_states in zip(self.blocks, cache, memory, strict=True):
            x, own = block.step(x, past, bias, of_states, memory_bias)
            entries += own
        logits = ops.reshape(self.mlm(x), (-1, self.vocab_size))
        return logits, ops.reshape(side_by_side(entries), (-1, self.width))

    def by_block(self, x):
        """Keys and values (batch, length, `width`) -> a pair (batch, length, hidden_size) for each block."""
        size = self.hidden_size
        parts = [x[:, :, start : start + size] for start in range(0, self.width, size)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def compute_output_shape(self, decoder_input_ids_shape, states_shape=None, states_bias_shape=None):
        return (*decoder_input_ids_shape, self.hidden_size)


def side_by_side(parts: Sequence):
    """Concatenates tensors along the last axis, a few at a time: TFLite's CPU delegate takes no more than `MOST`."""
    if len(parts) == 1:
        return parts[0]
    groups = [parts[start : start + MOST] for start in range(0, len(parts), MOST)]
    return side_by_side([ops.concatenate(group, axis=-1) for group in groups])


class Memory(keras.layers.Layer):
    """`Decoder.memory` as a layer, float32.

    Args:
        decoder: the decoder, which is built.
    """

    def __init__(self, decoder: Decoder, **kwargs):
        super().__init__(dtype=decoder.dtype_policy, **kwargs)
        self.decoder, self.built = decoder, True

    def call(self, states):
        return ops.cast(self.decoder.memory(states), "float32")

    def compute_output_shape(self, states_shape):
        return (*states_shape[:-1], self.decoder.width)

    def compute_output_spec(self, states):
        return keras.KerasTensor(self.compute_output_shape(states.shape), "float32")


class DecoderStep(keras.layers.Layer):
    """`Decoder.step` as a layer, whose inputs and outputs are float32 or int32.

    Args:
        decoder: the decoder, which is built.
    """

    def __init__(self, decoder: Decoder, **kwargs):
        super().__init__(dtype=decoder.dtype_policy, autocast=False, **kwargs)
        self.decoder, self.built = decoder, True

    def call(self, decoder_input_ids, decoder_position, attention_mask, memory, cache):
        memory, cache = (ops.cast(x, self.compute_dtype) for x in (memory, cache))
        logits, entry = self.decoder.step(decoder_input_ids, decoder_position, attention_mask, memory, cache)
        return {"logits": logits, "cache_entry": ops.cast(entry, "float32")}

    def compute_output_spec(self, decoder_input_ids, *others):
        sizes = {"logits": self.decoder.vocab_size, "cache_entry": self.decoder.width}
        return {name: keras.KerasTensor((decoder_input_ids.shape[0], size), "float32") for name, size in sizes.items()}


@dataclass(frozen=True)
class Parts:
    """The two graphs of `kerasbert.tasks.seq2seq` as Keras models, by name. They share the weights of the whole."""

    encoder: keras.Model
    decoder_step: keras.Model


def parts_of(encoder: BertEncoder, decoder: Decoder) -> Parts:
    """Makes the two graphs that write texts."""
    memory = Memory(decoder, name="memory")(encoder.output["sequence_output"])
    shapes = {"decoder_input_ids": (), "decoder_position": (), "attention_mask": (None,)}
    inputs = {name: keras.Input(shape, dtype="int32", name=name) for name, shape in shapes.items()}
    inputs |= {name: keras.Input((None, decoder.width), name=name, dtype="float32") for name in ("memory", "cache")}
    step = DecoderStep(decoder, name="step")(*inputs.values())
    return Parts(
        keras.Model(encoder.input, {"memory": memory}, name="encoder"),
        keras.Model(inputs, step, name="decoder_step"),
    )
