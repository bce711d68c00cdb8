"""Tasks: an example becomes rows, rows become outputs, and outputs become an answer.

A task is one file here, in NumPy, and one file of the same name in `kerasbert.models`, in Keras. `NAMES` lists all
tasks. README.md in this folder says how to add one.
"""

from importlib import import_module

from kerasbert.errors import ConfigError

NAMES = (
    "text-classification",
    "token-classification",
    "question-answering",
    "fill-mask",
    "multiple-choice",
    "next-sentence",
    "seq2seq",
    "extractive-summarization",
    "sentence-embedding",
    "feature-extraction",
)
"""Every task, by its name in config.json, kerasbert.json and on the command line: Hugging Face's, if there is one."""


def module_of(name: str) -> str:
    """The name of a task's files: `text_classification` for "text-classification".

    Raises:
        ConfigError: there is no such task.
    """
    if name not in NAMES:
        raise ConfigError(f"no task {name!r}: use one of {', '.join(NAMES)}")
    return name.replace("-", "_")


def task_named(name: str):
    """Returns the task (`kerasbert.tasks.task.Task`) with this name.

    Raises:
        ConfigError: there is no such task.
    """
    return import_module(f"kerasbert.tasks.{module_of(name)}").TASK
