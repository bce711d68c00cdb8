"""The pre-training model: encoder, masked words, next sentence."""

import keras

from kerasbert.checkpoints import hf
from kerasbert.errors import ConfigError
from kerasbert.layers.heads import ClassificationHead, MaskedLMHead
from kerasbert.models.encoder import BertEncoder


@keras.saving.register_keras_serializable("kerasbert")
class PretrainingModel(keras.Model):
    """BERT with its two pre-training heads (Devlin et al. 2018, section 3.1).

    Inputs: the encoder's, and `mlm_positions`, int32 (batch, masked): only these reach the vocabulary.
    Outputs: `mlm_logits` (batch, masked, vocab_size) and, with `nsp`, `nsp_logits` float32 (batch, 2), where label 0
    means that the second segment follows the first.

    Args:
        encoder: with a pooler where `nsp` is asked for.
        nsp: whether there is a next-sentence head; None: where the encoder has a pooler and two segments.
    """

    def __init__(self, encoder: BertEncoder, *, nsp: bool | None = None, **kwargs):
        config, dtype = encoder.config, kwargs.get("dtype")
        if nsp is None:
            nsp = encoder.pooler is not None and config.family.nsp and config.takes_token_types
        if nsp and not config.family.nsp:
            raise ConfigError(f"nsp: {config.model_type} has no next-sentence head")
        if nsp and encoder.pooler is None:
            raise ConfigError("nsp needs the encoder's pooler: build it with BertEncoder(config, pooler=True)")
        shared = {"stddev": config.initializer_range, "dtype": dtype}

        # Layers
        mlm = MaskedLMHead(
            embeddings=encoder.embeddings,
            activation=config.hidden_act,
            epsilon=config.layer_norm_eps,
            name="mlm",
            **shared,
        )
        # Graph
        mlm_positions = keras.Input((None,), dtype="int32", name="mlm_positions")
        outputs = {"mlm_logits": mlm(encoder.output["sequence_output"], mlm_positions)}
        if nsp:
            head = ClassificationHead(num_labels=2, name="nsp", **shared)
            outputs["nsp_logits"] = head(encoder.output["pooled_output"])
        super().__init__(inputs={**encoder.input, "mlm_positions": mlm_positions}, outputs=outputs, **kwargs)

        # Config
        self.config = config
        self.encoder = encoder
        self.nsp = nsp

    @property
    def tokenizer(self):
        return self.encoder.tokenizer

    @classmethod
    def from_pretrained(cls, path: str, *, dtype=None) -> "PretrainingModel":
        """Reads a Hugging Face folder or hub id; heads that it lacks are new, and said to be."""
        checkpoint = hf.open_checkpoint(path)
        encoder = BertEncoder(
            checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=checkpoint.has("pooler"), dtype=dtype
        )
        model = cls(encoder, nsp=checkpoint.has("nsp"), dtype=dtype)
        checkpoint.load_into(model)
        return model

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors and the tokenizer's files; transformers opens the folder."""
        hf.save(self, folder, task="pretraining" if self.nsp else "masked_lm")

    def get_config(self):
        return {
            "encoder": self.encoder.get_config(),
            "nsp": self.nsp,
            "name": self.name,
            "dtype": self.get_layer("mlm").dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "encoder": BertEncoder.from_config(config["encoder"])})
