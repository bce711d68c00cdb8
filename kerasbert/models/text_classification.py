"""Text classification: one label, several labels or a number, for a text or a pair of texts."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasbert.config import BertConfig
from kerasbert.errors import ConfigError
from kerasbert.layers.heads import POOLINGS, ClassificationHead
from kerasbert.models.classifier import Classifier
from kerasbert.models.encoder import BertEncoder
from kerasbert.tasks.labels import label_keys
from kerasbert.tasks.text_classification import SINGLE, TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class TextClassifier(Classifier):
    """An encoder with a classification head, as a functional Keras model.

    ```python
    model = kb.TextClassifier.from_pretrained("path-or-hub-id", labels=["negative", "positive"])
    model.compile()
    model.fit(model.dataset("train.csv", batch_size=32), epochs=3)
    model.predict_text(["a lovely film"])             # [{"label": "positive", "score": 0.98}]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's. Output: float32 logits (batch, labels). `predict_text` returns one answer per text:
    `{"label", "score"}`; for several labels a list of these; for regression the number is the `score`.

    Args:
        encoder: the encoder. It needs a pooler if its family's classifiers use one and `pooling` is "cls".
        labels: the names of the labels, in the order of the logits.
        problem_type: "single_label_classification", "multi_label_classification" or "regression".
        pooling: "cls" (the first token, as in the paper), "mean" or "additive" (learned weights).
        max_length: largest number of tokens in a row; None: the encoder's limit. A longer text is read in windows that
            overlap by a quarter, and their logits are averaged (`kerasbert.tasks.windows.text_windows`).
        pairs: whether the model was trained on pairs of texts, for warnings; None if that is not known.
        outputs: logits of layers of your own, a symbolic tensor (batch, labels) made of the encoder's tensors and of
            inputs of numbers. Texts then come with these numbers by name: `model.predict_text(texts, price=prices)`.
            None: the usual classifier; only this uses `pooling`.

    Raises:
        ConfigError: an argument is not allowed, or two arguments do not fit together.
    """

    task = TASK
    heads = ("classifier", "pooling")
    shape_settings = ("labels", "pooling")

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        labels: Sequence[str],
        problem_type: str = SINGLE,
        pooling: str = "cls",
        max_length: int | None = None,
        pairs: bool | None = None,
        outputs=None,
        **kwargs,
    ):
        max_length = encoder.config.max_length if max_length is None else max_length
        settings = Settings(
            labels=labels, problem_type=problem_type, pooling=pooling, max_length=max_length, pairs=pairs
        )
        super().__init__(encoder, settings=settings, outputs=outputs, **kwargs)

    @staticmethod
    def usual_logits(encoder: BertEncoder, settings: Settings, dtype):
        """The usual classifier on an encoder."""
        config, pooling = encoder.config, settings.pooling
        if pooling == "cls":
            config.check_blocks("pooling 'cls'")
        if needs_pooler(config, pooling) and encoder.pooler is None:
            raise ConfigError("pooling 'cls' needs the encoder's pooler: use BertEncoder(config, pooler=True)")

        # Layers
        head = ClassificationHead(
            num_labels=len(settings.labels),
            hidden_activation=config.family.classifier_dense if pooling == "cls" else None,
            dropout=config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout,
            stddev=config.initializer_range,
            name="classifier",
            dtype=dtype,
        )

        # Graph
        if needs_pooler(config, pooling):
            return head(encoder.pooler(encoder.first_output))
        x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
        return head(POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"]))

    @classmethod
    def reads_pooler(cls, checkpoint, settings) -> bool:
        return needs_pooler(checkpoint.config, settings.get("pooling", "cls"))

    def predict_logits(self, *columns, batch_size: int = 32, **named) -> np.ndarray:
        """Returns the logits of texts or pairs, float32 (texts, labels), in their order."""
        return self.predict_outputs(*columns, batch_size=batch_size, **named)["logits"]

    def transformers_settings(self) -> dict:
        keys = {**label_keys(self.labels), "problem_type": self.settings.problem_type}
        return {"head": "text-classification", "keys": keys, "says": ("labels", "problem_type")}

    def is_foreign_to_transformers(self) -> bool:
        return self.settings.pooling != "cls"


def needs_pooler(config: BertConfig, pooling: str) -> bool:
    """Whether a classifier of this family and pooling uses the encoder's pooler."""
    return pooling == "cls" and config.family.classifier_dense is None


MODEL = TextClassifier
