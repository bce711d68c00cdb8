"""Fine-tuning of any task, from file to folder, as the command line does it."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import keras

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.errors import ConfigError
from kerasbert.examples.readers import read_examples
from kerasbert.files import check_target
from kerasbert.models.opening import model_class
from kerasbert.tasks import task_named
from kerasbert.tasks.remarks import counted, warn
from kerasbert.training.callbacks import FiniteLoss, Progress
from kerasbert.training.optimizers import adamw, finetuning_rate

log = logging.getLogger("kerasbert")

MAX_LENGTH = 128
"""Number of tokens that a text is cut to if neither the options nor the checkpoint say. Longer texts take more time."""


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions:
    """How a checkpoint is taught a task.

    Raises:
        ConfigError: a value that no run can have.
    """

    checkpoint: str | None = None
    """Folder or hub id to begin with; None: the encoder that comes with the package."""
    dev: str | Path | None = None
    """Labelled file to measure after each epoch."""
    epochs: int = 3
    """Passes over the training file."""
    batch_size: int = 32
    """Number of rows in a step."""
    learning_rate: float | None = None
    """Peak of the learning rate; None goes by the model's size (`kerasbert.training.optimizers.finetuning_rate`)."""
    warmup: float = 0.1
    """Share of the steps in which the rate grows to its peak; it falls to 0 afterwards."""
    layer_decay: float | None = None
    """Factor between the learning rates of a block and of the block above it; None: one rate for all."""
    max_length: int | None = None
    """Number of tokens that a text is cut to. None: the number that kerasbert saved with the checkpoint. A checkpoint
    without one gets `MAX_LENGTH`, or what the model can take if that is less."""
    seed: int = 0
    """Seed for every random draw."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """Names of columns; see `kerasbert.examples.readers.read_examples`."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings of the task, such as `problem_type` and `pooling`; those left out or None are the checkpoint's."""

    def __post_init__(self):
        for names, fits, mend in (
            ("epochs batch_size", lambda x: x >= 1, "1 or more"),
            ("learning_rate", lambda x: x is None or 0 < x < math.inf, "a number above 0, or None for the usual one"),
            ("warmup", lambda x: 0 <= x <= 1, "a share from 0 to 1"),
            ("layer_decay", lambda x: x is None or 0 < x <= 1, "a number above 0, up to 1, or None for one rate"),
        ):
            for name in names.split():
                if not fits(getattr(self, name)):
                    raise ConfigError(f"{name} is {getattr(self, name)}: use {mend}")
        twice = self.settings.get("max_length")
        if self.max_length is not None and twice is not None:
            raise ConfigError(f"max_length is {self.max_length}, and {twice} in settings: give it once")


def finetune(
    task: str, train: str | Path, folder: str | Path, options: FinetuneOptions | None = None, **changes
) -> dict[str, float]:
    """Trains the model of a task and saves it to `folder`, which must be absent or empty.

    Everything that can be wrong is checked before the first step: the files' rows, the labels, the output folder.

    Args:
        task: one of `kerasbert.tasks.NAMES`.
        train: labelled file.
        options, changes: a `FinetuneOptions`, and fields of it that are other.

    Returns:
        The figures of the last epoch: `loss` and the metric, and both with `val_` in front where there is `dev`. With
        `dev` also the task's headline figure, such as `val_f1`.

    Raises:
        KerasBertError: one of its kinds for whatever cannot be read, trained or written.
    """
    options = replace(options or FinetuneOptions(), **changes)
    definition = task_named(task)
    if definition.targets is None:
        raise ConfigError(f"{task}: learns nothing from a labelled file")
    check_target(folder)
    examples = read_examples(train, definition, columns=options.columns)
    held_out = [] if options.dev is None else read_examples(options.dev, definition, columns=options.columns)
    given = _settings(definition, examples, options)
    settings = definition.Settings(**given)
    for each in filter(None, (examples, held_out)):
        definition.check(each, settings)
        warn(definition, each, settings)
    keras.utils.set_random_seed(options.seed)
    model = model_class(task).from_pretrained(options.checkpoint, **given)
    check_target(folder, megabytes=model.count_params() * 4e-6)
    data = model.dataset_of(examples, batch_size=options.batch_size, seed=options.seed)
    steps = len(data) * options.epochs
    log.info(
        "%s: %s%s; %s, the first of them slow",
        train,
        counted(len(examples), _kind(examples)),
        _said(given),
        counted(steps, "step"),
    )
    rate = finetuning_rate(model.config) if options.learning_rate is None else options.learning_rate
    model.compile(adamw(learning_rate=rate, steps=steps, warmup=options.warmup, layer_decay=options.layer_decay))
    history = model.fit(
        data,
        epochs=options.epochs,
        validation_data=model.dataset_of(held_out, batch_size=options.batch_size) if held_out else None,
        shuffle=False,  # the data set shuffles itself; Keras would warn that it cannot
        verbose=0,
        callbacks=[FiniteLoss(), Progress(len(examples))],
    )
    figures = {name: float(values[-1]) for name, values in history.history.items()}
    headline = f"val_{definition.headline}"
    if held_out and (definition.tune is not None or headline not in figures):
        answered = list(model.answered(held_out))
        if definition.tune is not None:
            model.settings = definition.tune(answered, model.settings)
        if definition.headline:
            figures[headline] = definition.figures(answered, model.settings)[definition.headline]
    model.save_pretrained(folder)
    return figures


def _settings(task, examples: Sequence, options: FinetuneOptions) -> dict:
    """The settings by name: those of the options, else what the examples decide, else the checkpoint's."""
    names = [each.name for each in fields(task.Settings)]
    wanted = {**options.settings}
    if options.max_length is not None:
        wanted["max_length"] = options.max_length
    given = {name: value for name, value in wanted.items() if value is not None}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ConfigError(f"{task.name} has no setting {unknown[0]!r}: use {', '.join(names)}")
    opened = huggingface.open_checkpoint(options.checkpoint)
    usual = {"max_length": min(MAX_LENGTH, opened.config.max_length)}
    known = usual | stored_settings(opened, task) | given
    return {**known, **task.observe(examples, known), **given}


def _kind(examples: Sequence) -> str:
    return "pair" if "text_pair" in examples[0].fields else "example"


def _said(given: Mapping, most: int = 10) -> str:
    labels = given.get("labels", ())
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f", labels {', '.join(labels[:most])}{more}" if labels else ""
