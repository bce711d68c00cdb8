"""What a task is: examples become rows, rows become outputs, outputs become answers.

A task is one file here, in NumPy, and one file of the same name in `kerasbert.models`, in Keras. `NAMES` lists all
tasks. README.md in this folder says how to add one.
"""

from importlib import import_module

from kerasbert.errors import ConfigError

NAMES = ("text-classification", "sentence-embedding", "feature-extraction")
"""Every task, as config.json, kerasbert.json and the command line call it: by Hugging Face's name where it has one."""


def module_of(name: str) -> str:
    """The name of a task's files: `text_classification` for "text-classification".

    Raises:
        ConfigError: no such task.
    """
    if name not in NAMES:
        raise ConfigError(f"no task {name!r}: use one of {', '.join(NAMES)}")
    return name.replace("-", "_")


def task_named(name: str):
    """The `kerasbert.tasks.task.Task` of a name.

    Raises:
        ConfigError: no such task.
    """
    return import_module(f"kerasbert.tasks.{module_of(name)}").TASK
