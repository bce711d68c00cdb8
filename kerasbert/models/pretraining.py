"""The pre-training model: an encoder with heads for masked words and for the next sentence."""

import keras
from keras import ops

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.card import Card
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError
from kerasbert.layers.attention import PackedAttentionBias
from kerasbert.layers.gather import gather_tokens
from kerasbert.layers.heads import ClassificationHead, MaskedLMHead
from kerasbert.layers.masked_lm_loss import masked_lm_loss
from kerasbert.layers.tracing import traced_with
from kerasbert.models.cards import pretraining_card
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.unquantized import Unquantized
from kerasbert.training.metrics import Perplexity
from kerasbert.training.trainer import SummedLossTrainer

LEARNED = ("input_ids", "attention_mask", "mlm_positions", "mlm_ids", "mlm_weights")


@keras.saving.register_keras_serializable("kerasbert")
class PretrainingModel(Unquantized, SummedLossTrainer, keras.Model):
    """BERT with its two pre-training heads (Devlin et al. 2018, section 3.1).

    ```python
    model = kb.PretrainingModel(kb.BertEncoder(config, tokenizer=tokenizer))
    model.compile(Recipe.named("bert").make_optimizer())                          # kerasbert.training.recipes
    model.fit(data.dataset(), steps_per_epoch=data.steps_per_epoch, epochs=3)     # data: a PretrainingData
    ```

    Inputs: the encoder's, and `mlm_positions`, int32 (batch, masked). Logits are computed at these positions only.
    Outputs: `mlm_logits` float32 (batch, masked, vocab_size) and, with `nsp`, `nsp_logits` float32 (batch, 2), where
    label 0 means that the second segment follows the first.

    The model is trained on batches of `kerasbert.corpus.batches.PretrainingData`, packed or not. The loss is the mean
    over masked words plus, with `nsp`, the mean over pairs.

    Args:
        encoder: the encoder. It needs a pooler if `nsp` is true.
        nsp: whether there is a next-sentence head; None: if the family has one, and the encoder has a pooler and
            at least two segments.
        recompute: whether to keep only the inputs of the blocks for the backward pass and to compute the rest again. It
            takes a third more computation and a fraction of the memory.

    Raises:
        ConfigError: `nsp` is true, but the family has no such head or the encoder has no pooler.
    """

    def __init__(self, encoder: BertEncoder, *, nsp: bool | None = None, recompute: bool = False, **kwargs):
        config, dtype = encoder.config, kwargs.get("dtype")
        config.check_blocks("pre-training")
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
            **config.mlm,
            name="mlm",
            **shared,
        )
        nsp_head = ClassificationHead(num_labels=2, name="nsp", **shared) if nsp else None

        # Graph
        mlm_positions = keras.Input((None,), dtype="int32", name="mlm_positions")
        outputs = {"mlm_logits": mlm(encoder.output["sequence_output"], mlm_positions)}
        if nsp:
            outputs["nsp_logits"] = nsp_head(encoder.output["pooled_output"])
        super().__init__(inputs={**encoder.input, "mlm_positions": mlm_positions}, outputs=outputs, **kwargs)

        # Config
        self.config = config
        self.encoder = encoder
        self.mlm, self.nsp_head = mlm, nsp_head
        self.nsp = nsp
        self.recompute = recompute
        self.packed_bias = PackedAttentionBias(name="packed_bias", dtype=dtype)

    def call(self, inputs, training=None, mask=None):
        """Returns logits, or, for a batch that holds labels, the sums of `sums_of`."""
        if "mlm_ids" in inputs:
            return self.sums_of(inputs, training)
        return super().call({name: inputs[name] for name in self.input}, training=training)

    def compile(self, *args, **options):
        super().compile(*args, **options)
        self.perplexity = Perplexity(name="perplexity")

    def record(self, sums: dict, weights: dict) -> dict:
        logs = super().record(sums, weights)
        self.perplexity.update_state(logs["mlm_loss"], sample_weight=weights["mlm"])
        return {**logs, "perplexity": ops.exp(logs["mlm_loss"])}

    @property
    def summed(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(("mlm", "nsp") if self.nsp else ("mlm",), ("loss", "accuracy"))

    @property
    def tokenizer(self):
        return self.encoder.tokenizer

    def weights_of(self, batch: dict) -> dict:
        """The divisor of each loss: the summed weights of masked words and of pairs, float32 scalars by name.

        Raises:
            ConfigError: the batch lacks labels.
        """
        missing = [name for name in LEARNED if name not in batch]
        if missing:
            raise ConfigError(f"a batch without {', '.join(missing)}: train on batches of PretrainingData")
        if self.nsp and "nsp_label" not in batch:
            raise ConfigError(
                "a batch without nsp_label, for a model with a next-sentence head: prepare pairs (--mode mlm-nsp), or "
                "build the model with nsp=False"
            )
        weights = {"mlm": ops.sum(batch["mlm_weights"])}
        if self.nsp:
            weights["nsp"] = ops.sum(nsp_weights(batch))
        return weights

    def sums_of(self, batch: dict, training: bool | None = None) -> dict:
        """Sums of losses and of right answers: float32 scalars `{"mlm": {"loss", "accuracy"}, "nsp": ...}`."""
        mlm_positions = batch["mlm_positions"]
        positions, pairs = mlm_positions, 0
        if self.nsp:
            first = ops.zeros((ops.shape(mlm_positions)[0], 1), dtype=mlm_positions.dtype)
            cls_positions = batch.get("cls_positions", first)
            pairs = ops.shape(cls_positions)[1]  # not a constant in a graph for batches of several lengths
            positions = ops.concatenate([cls_positions, mlm_positions], axis=1)
        x = self.vectors(batch, positions, training)

        features = self.mlm.transform(x[:, pairs:])
        loss, right = masked_lm_loss(
            ops.reshape(features, (-1, features.shape[-1])),
            ops.cast(self.encoder.embeddings.word_table, features.dtype),
            ops.cast(self.mlm.bias, "float32"),
            ops.reshape(batch["mlm_ids"], (-1,)),
            ops.reshape(batch["mlm_weights"], (-1,)),
        )
        sums = {"mlm": {"loss": loss, "accuracy": right}}
        if self.nsp:
            logits = self.nsp_head(self.encoder.pooler.dense(x[:, :pairs]), training=training)  # (B, S, 2)
            labels = ops.reshape(batch["nsp_label"], (-1, pairs))
            sums["nsp"] = choice_sums(logits, labels, nsp_weights(batch))
        return sums

    def vectors(self, batch: dict, positions, training: bool | None = None):
        """The encoder's vectors at some positions of each row. The last block computes no others.

        Args:
            batch: a batch of `PretrainingData`, packed or not.
            positions: int32 (batch, positions).

        Returns:
            (batch, positions, hidden_size).
        """
        encoder = self.encoder
        x = embedded(encoder, batch, training)
        instance_ids = batch.get("instance_ids")
        if instance_ids is None:
            bias = last_bias = encoder.get_layer("attention_bias")(batch["attention_mask"])
        else:
            bias = self.packed_bias(instance_ids, instance_ids)
            asking = gather_tokens(ops.expand_dims(instance_ids, -1), positions)[..., 0]
            last_bias = self.packed_bias(asking, instance_ids)
        *blocks, last = encoder.blocks
        with traced_with(recompute=self.recompute, xla=bool(self.jit_step)):
            for block in blocks:
                x = block(x, bias, training=training)
            return last(x, last_bias, queries=gather_tokens(x, positions), training=training)

    @classmethod
    def from_pretrained(
        cls, path: str | None = None, *, nsp: bool | None = None, recompute: bool = False, dtype=None
    ) -> "PretrainingModel":
        """Reads a Hugging Face folder or hub id. Heads that it lacks are initialised, and a warning lists them.

        Args:
            path: the folder or hub id; None reads the model that comes with the package (`kerasbert/presets`).
            nsp: whether there is a next-sentence head; None: if the checkpoint has one.
            recompute: see the class.
            dtype: Keras's dtype or dtype policy.

        Raises:
            CheckpointError: tensors are missing, unexpected or of another shape; the message lists them.
        """
        checkpoint = open_checkpoint(path)
        nsp = checkpoint.has("nsp") if nsp is None else nsp
        pooler = nsp or checkpoint.has("pooler")
        encoder = BertEncoder(checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=pooler, dtype=dtype)
        model = cls(encoder, nsp=nsp, recompute=recompute, dtype=dtype)
        checkpoint.load_into(model)
        encoder.base = checkpoint.base
        return model

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors, the tokenizer's files and a model card, README.md.

        transformers can open the folder. A README.md of your own stays.
        """
        huggingface.save(self, folder, task=self.saved_as, card=self.card(), foreign=self.config.has_own_mlm)

    @property
    def saved_as(self) -> str:
        """How transformers calls its heads, a key of `kerasbert.checkpoints.names.ARCHITECTURES`."""
        return "pre-training" if self.nsp else "fill-mask"

    def card(self) -> Card:
        """What its model card says."""
        return pretraining_card(self)

    def get_config(self):
        return {
            "encoder": self.encoder.get_config(),
            "nsp": self.nsp,
            "recompute": self.recompute,
            "name": self.name,
            "dtype": self.get_layer("mlm").dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "encoder": BertEncoder.from_config(config["encoder"])})


def embedded(encoder: BertEncoder, batch: dict, training: bool | None = None):
    """What the first block takes, (batch, sequence, hidden_size), of a batch of `PretrainingData`, packed or not."""
    x = encoder.embeddings(
        batch["input_ids"],
        token_type_ids=batch["token_type_ids"] if encoder.config.takes_token_types else None,
        position_ids=batch.get("position_ids"),
        training=training,
    )
    return x if encoder.projection is None else encoder.projection(x)


def choice_sums(logits, labels, weights) -> dict:
    """The weighted sums of cross-entropies and of right choices, `{"loss", "accuracy"}`, float32 scalars.

    Args:
        logits: float32 (..., choices).
        labels: int32 (...).
        weights: float32 (...).
    """
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    right = ops.cast(ops.equal(ops.cast(ops.argmax(logits, axis=-1), labels.dtype), labels), "float32")
    return {"loss": ops.sum(losses * weights), "accuracy": ops.sum(right * weights)}


def nsp_weights(batch: dict):
    """float32 (batch, pairs): 1 for a pair, 0 for an unused place in a packed row."""
    if "nsp_weights" in batch:
        return batch["nsp_weights"]
    return ops.ones_like(ops.expand_dims(batch["nsp_label"], -1), dtype="float32")
