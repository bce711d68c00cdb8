"""Checks the backend that Keras is set to, before Keras is imported."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from kerasbert.errors import KerasBertError, MissingDependency

BACKENDS = ("tensorflow", "jax")
"""The backends of Keras that kerasbert runs on."""


def check_backend() -> None:
    """Checks the backend that Keras is set to, before Keras is imported.

    Raises:
        MissingDependency: it is not installed, or TensorFlow, which the commands need on every backend.
        KerasBertError: kerasbert does not run on it.
    """
    backend, place = _backend()
    if backend not in BACKENDS:
        raise KerasBertError(
            f"Keras is set to {backend} ({place}), which kerasbert does not run on: use KERAS_BACKEND=tensorflow or jax"
        )
    if find_spec(backend) is None:
        install = "" if backend == "tensorflow" else f"pip install 'kerasbert[{backend}]', or KERAS_BACKEND=tensorflow"
        raise MissingDependency(
            f"Keras is set to {backend} ({place}), which is not installed: {install or 'pip install tensorflow'}"
        )
    if find_spec("tensorflow") is None:
        raise MissingDependency(
            f"the commands need TensorFlow beside {backend}: pip install tensorflow tensorflow-text; from Python, "
            "models train on arrays without it"
        )


def _backend() -> tuple[str, str]:
    """The backend, and what sets it: the variable, Keras's file, or neither."""
    named = os.environ.get("KERAS_BACKEND")
    if named:
        return named, "KERAS_BACKEND"
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["backend"], str(path)
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "the default"
