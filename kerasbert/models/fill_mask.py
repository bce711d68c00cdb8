"""Fill-mask: an encoder with the head of masked words, which computes logits at the masked positions only."""

import keras
from keras import ops

from kerasbert.layers.heads import MaskedLMHead, TokensAt
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.fill_mask import TASK, Settings, target_ids


@keras.saving.register_keras_serializable("kerasbert")
class MaskFiller(TextModel):
    """An encoder that fills masks with words (Devlin et al. 2018, section 3.1).

    ```python
    model = kb.MaskFiller.from_pretrained("path-or-hub-id")
    model.predict_text(["Paris is the [MASK] of France."])
    # [[{"token": 3007, "token_str": "capital", "score": 0.99, "sequence": "paris is the capital of france."}, ...]]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's, and `mlm_positions`, int32 (batch, masked), the positions of masks. Output: float32 `logits`,
    (batch, masked, vocab_size). The last block computes these positions only. Exported files take one position per
    row, and their `logits` are (batch, vocab_size): a text with several masks is several rows.

    `predict_text` returns for each text a list of `top_k` answers or, for a text of several masks, a list of such
    lists. The mask is [MASK] in the texts of any model. `fit` masks texts as pre-training does, anew in each epoch.
    With `shuffle=False`, and in a `tf.data.Dataset` of texts, a text has the same masks in every epoch.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        max_length: number of tokens that the model sees of a text, those around the mask; None: the encoder's limit.
        settings: the others of `kerasbert.tasks.fill_mask.Settings`, by name.

    Raises:
        ConfigError: an argument is not allowed.
        TokenizerError: one of `targets` is not one token of the vocabulary.
    """

    task = TASK
    heads = ("mlm",)

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **settings):
        kwargs = {name: settings.pop(name) for name in ("name", "dtype") if name in settings}
        dtype = kwargs.pop("dtype", None)
        encoder.config.check_blocks("fill-mask")
        max_length = encoder.config.max_length if max_length is None else max_length
        settings = Settings(max_length=max_length, **settings)
        if encoder.tokenizer is not None:
            target_ids(encoder.tokenizer, settings.targets)

        # Layers
        config = encoder.config
        tokens_at = TokensAt(name="tokens_at", dtype=dtype)
        mlm = MaskedLMHead(
            embeddings=encoder.embeddings,
            **config.mlm,
            stddev=config.initializer_range,
            name="mlm",
            dtype=dtype,
        )

        # Graph
        *_, below, last = encoder.body
        positions = keras.Input((None,), dtype="int32", name="mlm_positions")
        queries = tokens_at(below.output, positions)
        bias = encoder.get_layer("attention_bias").output
        super().__init__(
            encoder=encoder,
            settings=settings,
            inputs={"mlm_positions": positions},
            outputs={"logits": mlm(last(below.output, bias, queries=queries))},
            **kwargs,
        )

    def compile(self, optimizer=None, loss=None, loss_weights=None, metrics=None, weighted_metrics=None, **options):
        """Configures `fit` as `TextModel.compile` does.

        The usual loss and metric are means over the masked words. All metrics have weights: without these they would
        count unused positions.
        """
        if loss is None:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
            if metrics is None and weighted_metrics is None:
                weighted_metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        every = [*keras.tree.flatten(metrics or []), *keras.tree.flatten(weighted_metrics or [])]
        super().compile(optimizer, loss, loss_weights, None, every or None, **options)

    def _by_name(self, outputs) -> dict:
        """Logits of rows with one position each, (batch, vocab_size)."""
        logits = outputs["logits"]
        return {"logits": ops.reshape(logits, (-1, logits.shape[-1]))}

    def saved_part(self):
        return self

    def transformers_settings(self) -> dict:
        return {"head": "fill-mask", "keys": {}, "says": ()}

    def is_foreign_to_transformers(self) -> bool:
        return self.config.has_own_mlm


MODEL = MaskFiller
