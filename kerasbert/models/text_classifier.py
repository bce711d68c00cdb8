"""Text classification: one label, several labels or a number, for a text or a pair of texts."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import no_classifier, stored_task
from kerasbert.config import BertConfig
from kerasbert.decoding.labels import PROBLEM_TYPES
from kerasbert.errors import ConfigError
from kerasbert.examples.labels import targets
from kerasbert.examples.readers import pairs_of, read_examples
from kerasbert.layers.heads import POOLINGS, ClassificationHead
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel, check_length
from kerasbert.training.optimizers import adamw, finetuning_rate, scaled_for_float16

LOSSES = {
    "single_label_classification": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "multi_label_classification": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "regression": lambda: keras.losses.MeanSquaredError(),
}
METRICS = {
    "single_label_classification": lambda: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    # Of each label, not of each text.
    "multi_label_classification": lambda: [keras.metrics.BinaryAccuracy(threshold=0.0)],
    "regression": lambda: [keras.metrics.MeanAbsoluteError(name="mae")],
}


@keras.saving.register_keras_serializable("kerasbert")
class TextClassifier(TextModel):
    """An encoder with a classification head, as a functional Keras model.

    ```python
    model = kb.TextClassifier.from_pretrained("path-or-hub-id", labels=["negative", "positive"])
    model.compile()
    model.fit(model.dataset("train.csv", batch_size=32), epochs=3)
    model.predict_text(["a lovely film"])             # [{"label": "positive", "score": 0.98}]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's. Output: float32 logits (batch, labels). Answers of `predict_text`: `{"label", "score"}`,
    `{"labels", "scores"}` or `{"value"}`, by the problem's type.

    Args:
        encoder: with a pooler, if its family's classifiers use one and `pooling` is "cls".
        labels: names, in the order of the logits.
        problem_type: "single_label_classification", "multi_label_classification" or "regression".
        pooling: "cls" (the first token, as in the paper), "mean" or "additive" (learned weights).
        max_length: tokens a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: arguments that do not go together.
    """

    def __init__(
        self,
        encoder: BertEncoder,
        *,
        labels: Sequence[str],
        problem_type: str = "single_label_classification",
        pooling: str = "cls",
        max_length: int | None = None,
        **kwargs,
    ):
        config, dtype = encoder.config, kwargs.get("dtype")
        _check(config, encoder.pooler is not None, labels, problem_type, pooling, max_length)

        # Layers
        head = ClassificationHead(
            num_labels=len(labels),
            hidden_activation=config.family.classifier_dense if pooling == "cls" else None,
            dropout=config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout,
            stddev=config.initializer_range,
            name="classifier",
            dtype=dtype,
        )

        # Graph
        if needs_pooler(config, pooling):
            pooled = encoder.pooler(encoder.first_output)
        else:
            x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
            pooled = POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"])
        super().__init__(inputs=encoder.input, outputs=head(pooled), **kwargs)

        # Config
        self.config = config
        self.encoder = encoder
        self.labels = list(labels)
        self.problem_type = problem_type
        self.pooling = pooling
        self.max_length = max_length or config.max_length

    @classmethod
    def from_pretrained(
        cls,
        path: str | None = None,
        *,
        labels: Sequence[str] | None = None,
        problem_type: str | None = None,
        pooling: str | None = None,
        max_length: int | None = None,
        dtype=None,
    ) -> "TextClassifier":
        """Reads a Hugging Face folder or hub id; what is None comes from its config.json.

        Without a path it starts from the encoder that comes with the package (`kerasbert/presets`).
        A checkpoint without a classifier, or with one for other labels, gets a new head, and says so in one line.

        Raises:
            CheckpointError: weights that do not fit, or no labels given and none in the checkpoint.
            ConfigError: arguments that do not go together.
        """
        checkpoint = huggingface.open_checkpoint(path)
        stored = stored_task(checkpoint)
        labels = stored.labels if labels is None else labels
        if labels is None:
            raise no_classifier(checkpoint)
        labels = labels if isinstance(labels, str) else list(labels)  # a string is refused below, not taken apart
        pooling = pooling or stored.pooling
        encoder = BertEncoder(
            checkpoint.config,
            tokenizer=checkpoint.tokenizer(),
            pooler=needs_pooler(checkpoint.config, pooling),
            dtype=dtype,
        )
        model = cls(
            encoder,
            labels=labels,
            problem_type=problem_type or stored.problem_type,
            pooling=pooling,
            max_length=max_length or stored.max_length,
            dtype=dtype,
        )
        same_head = labels == stored.labels and pooling == stored.pooling
        checkpoint.load_into(model, new=() if same_head else ("classifier", "pooling"))
        return model

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """Keras's own, with defaults: AdamW at `finetuning_rate`, the problem's loss, one metric."""
        if optimizer is None:
            optimizer = adamw(learning_rate=finetuning_rate(self.config))
        loss = LOSSES[self.problem_type]() if loss is None else loss
        metrics = METRICS[self.problem_type]() if metrics is None else metrics
        optimizer = scaled_for_float16(optimizer, self)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def compile_from_config(self, config):  # Keras's own leaves a model whose `compile` is its own uncompiled
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def dataset(self, path: str, *, batch_size: int = 32, shuffle: bool = True, seed: int = 0, **columns):
        """A labelled file as batches for `fit` and `evaluate`.

        Args:
            path: `.csv`, `.tsv` or `.jsonl`; `kerasbert.examples.readers.read_examples` also takes `columns`.
            shuffle: anew each epoch, from `seed`; texts of like length share a batch.

        Returns:
            A tf.data.Dataset of (inputs, targets).

        Raises:
            DataError: a row that cannot be used, named by line; a label that the model does not know.
        """
        from kerasbert.tf.datasets import make_dataset

        examples = read_examples(path, **columns)
        rows = self._rows([example.text for example in examples], pairs_of(examples))
        return make_dataset(
            rows,
            targets(examples, self.labels, self.problem_type, path=str(path)),
            batch_size=batch_size,
            max_length=self.max_length,
            pad_id=self.config.pad_token_id,
            seed=seed if shuffle else None,
        )

    def predict_logits(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> np.ndarray:
        """Texts (or pairs) to float32 logits (texts, labels), in their order."""
        return self.predict_outputs(texts, pairs, batch_size=batch_size)["logits"]

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors and the tokenizer's files; transformers opens the folder.

        transformers knows pooling "cls" only, and would answer from a model with another pooling as if it were "cls".
        """
        numbered = dict(enumerate(self.labels))
        settings = {
            "id2label": {str(index): label for index, label in numbered.items()},
            "label2id": {label: index for index, label in numbered.items()},
            "problem_type": self.problem_type,
            "kerasbert": {"task": "text-classification", "pooling": self.pooling, "max_length": self.max_length},
        }
        huggingface.save(self, folder, task="text-classification", settings=settings)

    def get_config(self):
        own = {"labels": self.labels, "problem_type": self.problem_type, "pooling": self.pooling}
        return {**super().get_config(), **own, "dtype": self.get_layer("classifier").dtype_policy.name}


def needs_pooler(config: BertConfig, pooling: str) -> bool:
    """Whether a classifier of this family and pooling reads the encoder's pooler."""
    return pooling == "cls" and config.family.classifier_dense is None


def _check(config, pooler, labels, problem_type, pooling, max_length) -> None:
    if problem_type not in PROBLEM_TYPES:
        raise ConfigError(f"problem_type is {problem_type!r}: use one of {', '.join(PROBLEM_TYPES)}")
    if pooling not in POOLINGS:
        raise ConfigError(f"pooling is {pooling!r}: use one of {', '.join(POOLINGS)}")
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise ConfigError(f"labels is {labels!r}: give a list of names")
    if not labels:
        raise ConfigError('labels is empty: give names such as ["negative", "positive"], in any order you like')
    if len(set(labels)) != len(labels):
        raise ConfigError(f"labels repeat: {', '.join(sorted({x for x in labels if list(labels).count(x) > 1}))}")
    if problem_type == "regression" and len(labels) != 1:
        raise ConfigError(f"regression has one value, but {len(labels)} labels are given")
    if problem_type == "single_label_classification" and len(labels) < 2:
        raise ConfigError(
            f"one label ({labels[0]!r}) leaves nothing to choose: give two or more, or another problem_type"
        )
    if needs_pooler(config, pooling) and not pooler:
        raise ConfigError("pooling 'cls' needs the encoder's pooler: build it with BertEncoder(config, pooler=True)")
    check_length(config, max_length)
