"""Opens a model folder as the Keras model of its task."""

from importlib import import_module

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import answerable_task
from kerasbert.models.text_model import TextModel
from kerasbert.tasks import NAMES, module_of


def model_class(task: str) -> type[TextModel]:
    """Returns the class of a task's Keras model.

    Raises:
        ConfigError: there is no such task.
    """
    return import_module(f"kerasbert.models.{module_of(task)}").MODEL


def open_model(path: str, *, task: str | None = None, max_length: int | None = None) -> TextModel:
    """Reads a Hugging Face folder or hub id as the model of a task.

    Args:
        task: one of `kerasbert.tasks.NAMES`; None: the task that the folder was saved for.
        max_length: number of tokens that a text is cut to; None: the saved length, or else the encoder's limit.

    Raises:
        CheckpointError: the folder holds another task, or the weights do not fit.
    """
    if task is None:
        task = answerable_task(huggingface.open_checkpoint(path), NAMES)
    return model_class(task).from_pretrained(path, max_length=max_length)
