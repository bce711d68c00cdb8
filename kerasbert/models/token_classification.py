"""Token classification: an encoder with a linear layer on the vector of each token."""

from collections.abc import Sequence

import keras

from kerasbert.layers.dense import dense
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.labels import label_keys
from kerasbert.tasks.token_classification import TASK, Settings
from kerasbert.training.optimizers import adamw, finetuning_rate, scaled_for_float16


@keras.saving.register_keras_serializable("kerasbert")
class TokenClassifier(TextModel):
    """An encoder with a classifier on each token, which finds named entities (Devlin et al. 2018, section 5.3).

    ```python
    model = kb.TokenClassifier.from_pretrained("path-or-hub-id", labels=["O", "B-PER", "I-PER"])
    model.compile()
    model.fit(model.dataset("train.conll", batch_size=16), epochs=3)
    model.predict_text(["Ann Lee"])                   # [[{"entity_group": "PER", "score": 0.98, "start": 0, ...}]]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's. Output: float32 logits (batch, sequence, labels). `predict_text` returns a list of entities
    for each text, with `start` and `end` in code points. Texts may have any length.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        labels: the names of the labels, in the order of the logits.
        aggregation: "none", "simple", "first", "average" or "max"; see `kerasbert.decoding.tags.STRATEGIES`.
        max_length: number of tokens in a window; None: the encoder's limit.

    Raises:
        ConfigError: an argument is not allowed.
    """

    task = TASK
    heads = ("classifier",)
    shape_settings = ("labels",)

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        labels: Sequence[str],
        aggregation: str = "first",
        max_length: int | None = None,
        **kwargs,
    ):
        config, dtype = encoder.config, kwargs.get("dtype")
        max_length = config.max_length if max_length is None else max_length
        settings = Settings(labels=labels, aggregation=aggregation, max_length=max_length)

        # Layers
        rate = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        dropout = keras.layers.Dropout(rate, name="dropout", dtype=dtype)
        classifier = dense(len(labels), stddev=config.initializer_range, name="classifier", dtype=dtype)
        in_float32 = keras.layers.Activation("linear", name="logits", dtype="float32")

        # Graph
        outputs = in_float32(classifier(dropout(encoder.output["sequence_output"])))
        super().__init__(encoder=encoder, settings=settings, outputs=outputs, **kwargs)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the logits."""
        return self.settings.labels

    def compile(self, optimizer=None, loss=None, metrics=None, weighted_metrics=None, **kwargs):
        """`keras.Model.compile` with defaults: AdamW, cross-entropy and accuracy over the tokens that have a weight."""
        if optimizer is None:
            optimizer = adamw(learning_rate=finetuning_rate(self.config))
        if loss is None:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
        if metrics is None and weighted_metrics is None:
            weighted_metrics = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        optimizer = scaled_for_float16(optimizer, self)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, weighted_metrics=weighted_metrics, **kwargs)

    def transformers_settings(self) -> dict:
        return {"head": "token-classification", "keys": label_keys(self.labels), "says": ("labels",)}

    def saved_part(self):
        return self

    def get_config(self):
        return {**super().get_config(), "dtype": self.get_layer("classifier").dtype_policy.name}


MODEL = TokenClassifier
