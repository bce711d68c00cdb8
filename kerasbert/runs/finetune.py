"""Fine-tuning from file to folder, as the command line does it."""

import logging
from pathlib import Path

import keras

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.examples.labels import label_names, targets
from kerasbert.examples.readers import pairs_of, read_examples
from kerasbert.files import check_target
from kerasbert.models.text_classifier import TextClassifier
from kerasbert.training.callbacks import FiniteLoss, Progress
from kerasbert.training.optimizers import adamw, finetuning_rate

log = logging.getLogger("kerasbert")

MAX_LENGTH = 128
"""Tokens a text is cut to unless told otherwise; the time of a step grows with it."""


def finetune_classifier(
    checkpoint: str | None,
    train: str | Path,
    folder: str | Path,
    *,
    dev: str | Path | None = None,
    epochs: int = 3,
    batch_size: int = 32,
    learning_rate: float | None = None,
    warmup: float = 0.1,
    layer_decay: float | None = None,
    max_length: int | None = None,
    problem_type: str = "single_label_classification",
    pooling: str | None = None,
    seed: int = 0,
    columns: dict | None = None,
) -> dict[str, float]:
    """Trains a `TextClassifier` and saves it to `folder`, which must be absent or empty.

    Everything that can be wrong is checked before the first step: the files' rows, the labels, the output folder.

    Args:
        checkpoint: folder or hub id; None: the encoder that comes with the package.
        train, dev: labelled files. columns: for `kerasbert.examples.readers.read_examples`.
        epochs, batch_size, learning_rate, warmup: the recipe, AdamW with a linear schedule. A learning rate of None
            goes by the model's size, see `kerasbert.training.optimizers.finetuning_rate`.
        layer_decay: what the learning rate of each block is multiplied by, from the last one down; None: nothing. See
            `kerasbert.training.optimizers.layer_factors`.
        max_length: tokens a text is cut to; None: 128, or what the model can take if that is less.
        pooling: None keeps the checkpoint's.

    Returns:
        The figures of the last epoch: `loss` and the metric, and both with `val_` in front where there is `dev`.

    Raises:
        KerasBertError: one of its kinds for whatever cannot be read, trained or written.
    """
    columns = columns or {}
    check_target(folder)
    examples = read_examples(train, **columns)
    opened = huggingface.open_checkpoint(checkpoint)
    max_length = max_length or min(MAX_LENGTH, opened.config.max_length)
    labels = _as_stored(label_names(examples, problem_type, path=str(train)), opened, problem_type)
    for path, read in ((train, examples), *([] if dev is None else [(dev, read_examples(dev, **columns))])):
        targets(read, labels, problem_type, path=str(path))
    keras.utils.set_random_seed(seed)
    model = TextClassifier.from_pretrained(
        checkpoint, labels=labels, problem_type=problem_type, pooling=pooling, max_length=max_length
    )
    learning_rate = learning_rate or finetuning_rate(model.config)
    check_target(folder, megabytes=model.count_params() * 4e-6)
    data = model.dataset(train, batch_size=batch_size, seed=seed, **columns)
    held_out = None if dev is None else model.dataset(dev, batch_size=batch_size, shuffle=False, **columns)
    steps = len(data) * epochs
    kind = "texts" if pairs_of(examples) is None else "pairs"
    log.info("%s: %d %s, %s; %d steps, the first of them slow", train, len(examples), kind, _listed(labels), steps)
    model.compile(adamw(learning_rate=learning_rate, steps=steps, warmup=warmup, layer_decay=layer_decay))
    history = model.fit(
        data,
        epochs=epochs,
        validation_data=held_out,
        shuffle=False,  # the data set shuffles itself; Keras would warn that it cannot
        verbose=0,
        callbacks=[FiniteLoss(), Progress(len(examples))],
    )
    model.save_pretrained(folder)
    return {name: float(values[-1]) for name, values in history.history.items()}


def _as_stored(labels: list[str], checkpoint: Checkpoint, problem_type: str) -> list[str]:
    """The labels in the order of the checkpoint's classifier, if that has the same: training then goes on from it."""
    stored = stored_task(checkpoint).labels or []
    same = len(stored) == 1 if problem_type == "regression" else set(stored) == set(labels)
    return stored if same else labels


def _listed(labels: list[str], most: int = 10) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f"labels {', '.join(labels[:most])}{more}"
