"""Token classification: an encoder with a linear layer on the vector of each token."""

from collections.abc import Sequence

import keras

from kerasbert.layers.dense import dense
from kerasbert.models.classifier import Classifier
from kerasbert.models.encoder import BertEncoder
from kerasbert.tasks.labels import label_keys
from kerasbert.tasks.token_classification import TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class TokenClassifier(Classifier):
    """An encoder with a classifier on each token, which finds named entities (Devlin et al. 2018, section 5.3).

    ```python
    model = kb.TokenClassifier.from_pretrained("path-or-hub-id", labels=["O", "B-PER", "I-PER"])
    model.compile()
    model.fit(model.dataset("train.conll", batch_size=16), epochs=3)
    model.fit([["Ann", "left"]], [["B-PER", "O"]])    # lists of words, and a tag for each
    model.fit(["Ann left"], [[{"start": 0, "end": 3, "label": "PER"}]])    # texts, and the spans of each; [] for none
    model.predict_text(["Ann Lee"])                   # [[{"entity_group": "PER", "score": 0.98, "start": 0, ...}]]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's. Output: float32 logits (batch, sequence, labels). `predict_text` returns a list of entities
    for each text, with `start` and `end` in code points. Texts may have any length.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        labels: the names of the labels, in the order of the logits. Words outside of all entities need "O".
        aggregation: "none", "simple", "first", "average" or "max"; see `kerasbert.decoding.tags.STRATEGIES`.
        max_length: number of tokens in a window; None: the encoder's limit.
        outputs: logits of layers of your own, a symbolic tensor (batch, sequence, labels) made of the encoder's tensors
            and of inputs of numbers, as `kb.TextClassifier` takes them. None: the usual classifier.

    Raises:
        ConfigError: an argument is not allowed, or two arguments do not fit together.
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
        outputs=None,
        **kwargs,
    ):
        max_length = encoder.config.max_length if max_length is None else max_length
        settings = Settings(labels=labels, aggregation=aggregation, max_length=max_length)
        super().__init__(encoder, settings=settings, outputs=outputs, **kwargs)

    @staticmethod
    def usual_logits(encoder: BertEncoder, settings: Settings, dtype):
        """The usual classifier on an encoder."""
        config = encoder.config

        # Layers
        rate = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        dropout = keras.layers.Dropout(rate, name="dropout", dtype=dtype)
        classifier = dense(len(settings.labels), stddev=config.initializer_range, name="classifier", dtype=dtype)
        in_float32 = keras.layers.Activation("linear", name="logits", dtype="float32")

        # Graph
        return in_float32(classifier(dropout(encoder.output["sequence_output"])))

    def transformers_settings(self) -> dict:
        return {"head": "token-classification", "keys": label_keys(self.labels), "says": ("labels",)}


MODEL = TokenClassifier
