"""Failures that are no bugs, as one line: missing memory, and a backend of Keras that is not installed."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from kerasbert.errors import KerasBertError, MissingDependency

BACKENDS = ("tensorflow", "jax")
"""The backends of Keras that kerasbert runs on."""
MEMORY = ("ResourceExhaustedError", "XlaRuntimeError", "JaxRuntimeError")
"""Exceptions of TensorFlow and JAX, by name, so that neither is imported for them."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is missing."""
    if isinstance(error, MemoryError):
        return True
    named = type(error).__name__ in MEMORY
    return named and any(words in str(error) for words in ("OOM", "RESOURCE_EXHAUSTED", "failed to allocate", "memory"))


OUT_OF_MEMORY = "out of memory; use a smaller --batch-size, --max-length or model, or a machine with more memory"


def check_backend() -> None:
    """Checks the backend that Keras is set to, before Keras is imported.

    Raises:
        MissingDependency: it is not installed.
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
