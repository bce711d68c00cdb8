"""Opens a `.keras` file, which Keras's `model.save` wrote, as the model of its task."""

import dataclasses
from pathlib import Path

import keras

from kerasbert.errors import CheckpointError
from kerasbert.models.text_model import TextModel

ENDING = ".keras"


def open_keras_file(path: str | Path, *, max_length: int | None = None) -> TextModel:
    """Loads a model of kerasbert in Keras's safe mode, which runs no code from the file.

    The classes of the package's models are known once their modules are imported, which the caller does.

    Args:
        path: the file.
        max_length: largest number of tokens in a row; None: as saved.

    Raises:
        CheckpointError: there is no such file, Keras cannot load it, for example because it needs a class that is not
            there, or it holds another kind of model.
        ConfigError: `max_length` is above the model's positions.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: Keras cannot load it ({reason:.200}); save a model folder instead") from error
    if not isinstance(model, TextModel):
        raise CheckpointError(
            f"{path}: holds a {type(model).__name__}, which answers no task; save a model such as kb.TextClassifier"
        )
    if max_length is not None:
        model.config.check_length(max_length)
        model.settings = dataclasses.replace(model.settings, max_length=max_length)
    return model
