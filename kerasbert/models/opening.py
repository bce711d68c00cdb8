"""A model folder opened as the task that it was saved for."""

from importlib import import_module

from kerasbert.checkpoints import hf
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.errors import CheckpointError
from kerasbert.models.text_model import TextModel
from kerasbert.tasks import module_of


def model_class(task: str) -> type[TextModel]:
    """The Keras model of a task.

    Raises:
        ConfigError: no such task.
    """
    return import_module(f"kerasbert.models.{module_of(task)}").MODEL


def open_model(path: str, *, task: str | None = None, max_length: int | None = None) -> TextModel:
    """Reads a Hugging Face folder or hub id as the model of a task.

    Args:
        task: one of `kerasbert.tasks.NAMES`; None: what the folder was saved as, or a classifier where it has one.
        max_length: number of tokens that a text is cut to; None: what it was saved with.

    Raises:
        CheckpointError: no task is known, or the weights do not fit.
    """
    if task is None:
        checkpoint = hf.open_checkpoint(path)
        task = stored_task(checkpoint)["task"]
        if task is None:
            raise CheckpointError(
                f"{checkpoint.folder}: has no classifier; fine-tune it first, or name its task: sentence-embedding "
                "(one vector per text) or feature-extraction (one vector per token)"
            )
    return model_class(task).from_pretrained(path, max_length=max_length)
