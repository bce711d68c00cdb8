"""Opens a model folder or a `.keras` file as the Keras model of its task."""

from importlib import import_module

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.tasks import answerable_task, check_trained
from kerasbert.errors import CheckpointError
from kerasbert.models.keras_file import ENDING, open_keras_file
from kerasbert.models.text_model import TextModel
from kerasbert.tasks import NAMES, module_of


def model_class(task: str) -> type[TextModel]:
    """Returns the class of a task's Keras model.

    Raises:
        ConfigError: there is no such task.
    """
    return import_module(f"kerasbert.models.{module_of(task)}").MODEL


def open_model(path: str, *, task: str | None = None, max_length: int | None = None) -> TextModel:
    """Reads a Hugging Face folder, a hub id or a `.keras` file as the model of a task.

    Args:
        path: the folder, id or file.
        task: one of `kerasbert.tasks.NAMES`; None: the task that the folder was saved for.
        max_length: largest number of tokens in a row; None: the saved length, or else the encoder's limit.

    Raises:
        CheckpointError: the folder or file holds another task, lacks the task's head, or the weights do not fit.
    """
    if str(path).endswith(ENDING):
        for name in NAMES:  # importing a class registers it
            model_class(name)
        model = open_keras_file(path, max_length=max_length)
        if task not in (None, model.task.name):
            raise CheckpointError(
                f"{path}: answers {model.task.name}, not {task}; for its encoder alone save a folder with "
                "model.encoder.save_pretrained(...)"
            )
        return model
    checkpoint = open_checkpoint(path)
    model = model_class(task or answerable_task(checkpoint, NAMES))
    check_trained(checkpoint, model.task, model.heads)
    return model.from_pretrained(path, max_length=max_length)
