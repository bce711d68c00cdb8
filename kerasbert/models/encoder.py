"""The encoder of BERT, RoBERTa, DistilBERT and ELECTRA, and the static one: it turns token ids into vectors."""

import keras

from kerasbert.checkpoints import huggingface, keras_hub
from kerasbert.checkpoints.loading import Checkpoint, read_tokenizer
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.config import BertConfig
from kerasbert.layers.attention import AttentionBias
from kerasbert.layers.dense import dense
from kerasbert.layers.embeddings import Embeddings, StaticEmbeddings
from kerasbert.layers.heads import Pooler
from kerasbert.layers.transformer import TransformerBlock
from kerasbert.models.cards import encoder_card
from kerasbert.models.unquantized import Unquantized


@keras.saving.register_keras_serializable("kerasbert")
class BertEncoder(Unquantized, keras.Model):
    """BERT's encoder (Devlin et al. 2018, section 3) as a functional Keras model.

    ```python
    encoder = kb.BertEncoder.from_pretrained("path-or-hub-id")
    outputs = encoder(encoder.tokenizer(["Hello, my dog is cute"]))
    outputs["sequence_output"], outputs["pooled_output"]
    ```

    Inputs, int32 (batch, sequence): `input_ids`, `attention_mask` (1 for tokens, 0 for padding) and, if the
    configuration has at least two segments, `token_type_ids`. Padding is on the right.

    Outputs: `sequence_output` (batch, sequence, hidden_size) and, with a pooler, `pooled_output` (batch, hidden_size).
    The vectors of padding have no meaning.

    Intermediate layers have names: `keras.Model(encoder.input, encoder.get_layer("block_3").output)` returns the hidden
    state after the fourth block. A head that reads only the first token should take `encoder.first_output`, a symbolic
    tensor (batch, 1, hidden_size): the last block then computes no other token.

    A static encoder (`model_type` "static") has no blocks: a token has the same vector in every text, and tasks pool
    the mean of a text's tokens. `kerasbert.models.static.static_of` makes one from another encoder. It has no
    `first_output`.

    Args:
        config: the configuration.
        tokenizer: the model's tokenizer. `encoder.tokenizer(texts)` returns the model's inputs, and saving writes its
            files. None: the model has no tokenizer.
        pooler: whether the encoder ends in a pooler; None means as usual for the family.
    """

    def __init__(self, config: BertConfig, *, tokenizer=None, pooler: bool | None = None, **kwargs):
        dtype = kwargs.get("dtype")
        pooler = config.family.pooler if pooler is None else pooler

        # Layers
        embeddings = embeddings_of(config, name="embeddings", dtype=dtype)
        projection = projection_of(config, dtype=dtype)
        blocks = blocks_of(config, dtype=dtype)

        # Graph
        inputs = input_tensors(config)
        x = embeddings(inputs["input_ids"], token_type_ids=inputs.get("token_type_ids"))
        x = x if projection is None else projection(x)
        if blocks:
            bias = AttentionBias(name="attention_bias", dtype=dtype)(inputs["attention_mask"])
        for block in blocks:
            below, x = x, block(x, bias)
        first = blocks[-1](below, bias, queries=below[:, :1]) if blocks else None
        outputs = {"sequence_output": x}
        if pooler:
            outputs["pooled_output"] = Pooler(
                hidden_size=config.hidden_size, stddev=config.initializer_range, name="pooler", dtype=dtype
            )(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # Config
        self.config = config
        self.tokenizer = tokenizer and tokenizer.with_token_types(config.takes_token_types)
        self.embeddings = embeddings
        self.projection = projection
        """The linear layer between narrow embeddings and the blocks; None where they have the same width."""
        self.blocks = blocks
        self.pooler = self.get_layer("pooler") if pooler else None
        self.first_output = first
        self.base = None
        """What it was made from (`kerasbert.checkpoints.card.Base`), for its card; None if that is not known."""

    @classmethod
    def from_pretrained(cls, path: str | None = None, *, dtype=None) -> "BertEncoder":
        """Reads a folder of Hugging Face, a preset of KerasHub, or a hub id if there is a network.

        Args:
            path: the folder or hub id; None reads the encoder that comes with the package (`kerasbert/presets`).
            dtype: Keras's dtype or dtype policy.

        Returns:
            The encoder. Its `tokenizer` is None if the checkpoint has none.

        Raises:
            CheckpointError: tensors are missing, unexpected or of another shape; the message lists them.
        """
        return cls._from_checkpoint(open_checkpoint(path), dtype)

    @classmethod
    def from_keras_hub(cls, backbone, tokenizer=None, *, dtype=None) -> "BertEncoder":
        """Takes the weights of a backbone of KerasHub in memory, such as `keras_hub.models.BertBackbone`.

        Args:
            backbone: the backbone, or a task on one.
            tokenizer: KerasHub's tokenizer or preprocessor, or one of kerasbert; None: that of the task, if it is one.
            dtype: Keras's dtype or dtype policy.

        Raises:
            CheckpointError, ConfigError: the model is of another class, or has weights that its class does not have.
            TokenizerError: the tokenizer is of another kind.
        """
        return cls._from_checkpoint(keras_hub.of(backbone, tokenizer), dtype)

    @classmethod
    def _from_checkpoint(cls, checkpoint: Checkpoint, dtype) -> "BertEncoder":
        encoder = cls(checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=checkpoint.has("pooler"), dtype=dtype)
        checkpoint.load_into(encoder)
        encoder.base = checkpoint.base
        return encoder

    @property
    def body(self) -> list[keras.layers.Layer]:
        """The layers from ids to `sequence_output`, each of which takes the tensor of the one before."""
        return [self.embeddings, *([self.projection] if self.projection else []), *self.blocks]

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors, the tokenizer's files and a model card, README.md.

        transformers can open the folder, unless the encoder is static. A README.md of your own stays.
        """
        # A task on a static encoder can pool nothing but all tokens, so it does without being told.
        settings = {"kerasbert": {"pooling": "mean"}} if self.config.family.static else None
        huggingface.save(self, folder, card=encoder_card(self), settings=settings)

    def save_assets(self, folder):  # Keras calls it when it writes a .keras file
        if self.tokenizer is not None:
            self.tokenizer.save(folder)

    def load_assets(self, folder):
        tokenizer = read_tokenizer(folder)
        self.tokenizer = tokenizer and tokenizer.with_token_types(self.config.takes_token_types)

    def get_config(self):
        return {
            "config": self.config.to_dict(),
            "pooler": self.pooler is not None,
            "name": self.name,
            "dtype": self.embeddings.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "config": BertConfig.from_dict(config["config"])})


def embeddings_of(config: BertConfig, **options) -> Embeddings | StaticEmbeddings:
    """Creates the embeddings of a configuration."""
    table = {"vocab_size": config.vocab_size, "hidden_size": config.table_size, "stddev": config.initializer_range}
    if config.family.static:
        return StaticEmbeddings(**table, **options)
    return Embeddings(
        **table,
        max_positions=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size,
        position_offset=config.position_offset,
        sinusoidal=config.sinusoidal_pos_embds,
        dropout=config.hidden_dropout_prob,
        epsilon=config.layer_norm_eps,
        **options,
    )


def projection_of(config: BertConfig, **options):
    """Creates the linear layer between narrow embeddings and the blocks; None where they have the same width."""
    if config.table_size == config.hidden_size:
        return None
    return dense(config.hidden_size, stddev=config.initializer_range, name="embeddings_projection", **options)


def blocks_of(config: BertConfig, **options) -> list[TransformerBlock]:
    """Creates the blocks of a configuration, `block_0` and so on."""
    return [
        TransformerBlock(
            hidden_size=config.hidden_size,
            num_heads=config.num_attention_heads,
            intermediate_size=config.intermediate_size,
            activation=config.hidden_act,
            dropout=config.hidden_dropout_prob,
            attention_dropout=config.attention_probs_dropout_prob,
            epsilon=config.layer_norm_eps,
            stddev=config.initializer_range,
            norm_first=config.norm_first,
            final_norm=config.norm_first and index == config.num_hidden_layers - 1,
            name=f"block_{index}",
            **options,
        )
        for index in range(config.num_hidden_layers)
    ]


def input_tensors(config: BertConfig) -> dict:
    """Creates the symbolic inputs of a model with this configuration, each int32 (batch, sequence)."""
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if config.takes_token_types else [])]
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}
