"""The settings of a task that a fine-tuning run has, known before TensorFlow loads."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.errors import ConfigError
from kerasbert.tasks.lessons import class_weights
from kerasbert.tasks.task import Example, Task, labels_of


def task_settings(task: Task, examples: Sequence[Example] | None, wanted: Mapping, opened) -> dict:
    """The settings by name: those that are wanted, else what the examples decide, else the checkpoint's.

    Args:
        examples: the training examples; None: they decide nothing.
        wanted: settings by name; those that are None are not given.
        opened: the checkpoint.

    Raises:
        ConfigError: the task has no such setting.
        DataError: the examples cannot be learned from.
    """
    names = [each.name for each in fields(task.Settings)]
    given = {name: value for name, value in wanted.items() if value is not None}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ConfigError(f"{task.name} has no setting {unknown[0]!r}: use {', '.join(names)}")
    usual = {"max_length": min(task.usual_length, opened.config.max_length)}
    if task.of_tokenizer:
        usual |= task.of_tokenizer(opened.tokenizer())
    known = usual | stored_settings(opened, task) | given
    return {**known, **(task.observe(examples, known) if examples is not None else {}), **given}


def check_class_weight(task: Task, settings) -> None:
    """Raises ConfigError for a task or settings whose answers are not one label each: labels have no weights then."""
    class_weights({}, labels_of(settings), task.graphs(settings)[0])
