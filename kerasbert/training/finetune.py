"""Fine-tuning from file to folder, as the command line does it."""

from pathlib import Path

import keras

from kerasbert.data.labels import label_names
from kerasbert.data.readers import read_examples
from kerasbert.errors import ConfigError
from kerasbert.files import check_target
from kerasbert.models.text_classifier import TextClassifier
from kerasbert.training.callbacks import Progress
from kerasbert.training.optimizers import adamw


def finetune_classifier(
    checkpoint: str,
    train: str | Path,
    folder: str | Path,
    *,
    dev: str | Path | None = None,
    epochs: int = 3,
    batch_size: int = 32,
    learning_rate: float = 5e-5,
    warmup: float = 0.1,
    max_length: int = 128,
    problem_type: str = "single_label_classification",
    pooling: str | None = None,
    seed: int = 0,
    columns: dict | None = None,
) -> dict[str, float]:
    """Trains a `TextClassifier` and saves it to `folder`, which must be absent or empty.

    Everything that can be wrong is checked before the first step: the files' rows, the labels, the output folder.

    Args:
        checkpoint: folder or hub id. train, dev: labelled files. columns: for `kerasbert.data.readers.read_examples`.
        epochs, batch_size, learning_rate, warmup: the recipe, AdamW with a linear schedule.
        max_length: tokens a text is cut to. pooling: None keeps the checkpoint's.

    Returns:
        The figures of the last epoch: `loss` and the metric, and both with `val_` in front where there is `dev`.

    Raises:
        KerasBertError: one of its kinds for whatever cannot be read, trained or written.
    """
    columns = columns or {}
    labels = label_names(read_examples(train, **columns), problem_type)
    check_target(folder)
    keras.utils.set_random_seed(seed)
    model = TextClassifier.from_pretrained(
        checkpoint, labels=labels, problem_type=problem_type, pooling=pooling, max_length=max_length
    )
    check_target(folder, megabytes=model.count_params() * 4e-6)
    data = model.dataset(train, batch_size=batch_size, seed=seed, **columns)
    held_out = None if dev is None else model.dataset(dev, batch_size=batch_size, shuffle=False, **columns)
    steps = len(data) * epochs
    model.compile(adamw(model.trainable_variables, learning_rate=learning_rate, steps=steps, warmup=warmup))
    history = model.fit(
        data,
        epochs=epochs,
        validation_data=held_out,
        shuffle=False,  # the data set shuffles itself; Keras would warn that it cannot
        verbose=0,
        callbacks=[Progress(len(data) * batch_size), keras.callbacks.TerminateOnNaN()],
    )
    figures = {name: float(values[-1]) for name, values in history.history.items()}
    if figures["loss"] != figures["loss"]:
        raise ConfigError(f"the loss became NaN at learning rate {learning_rate:g}; try a tenth of it")
    model.save_pretrained(folder)
    return figures
