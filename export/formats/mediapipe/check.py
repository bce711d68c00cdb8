"""Runs a file for MediaPipe in MediaPipe itself, if its Python package is installed."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from kerasbert.quiet import quiet

TOLERANCE = 1e-3
"""Largest difference between MediaPipe's scores or embedding values and those of our runtime."""


def check_in_mediapipe(contract: str, path: Path, ours: Mapping[str, np.ndarray]) -> list[str]:
    """One line if MediaPipe's answers are wrong; an empty list otherwise, and if MediaPipe is not installed.

    Args:
        contract: MediaPipe's task, a key of `READERS`. path: the file.
        ours: text -> scores or vector of our runtime, for texts that both tokenizers read alike.
    """
    if not ours:
        return []
    expected = np.stack(list(ours.values()))
    try:
        with quiet():
            theirs = mediapipe_outputs(contract, path, list(ours), width=expected.shape[-1])
    except ImportError:
        return []
    except (RuntimeError, ValueError) as error:
        return [f"MediaPipe does not take the file ({str(error).partition(chr(10))[0]})"]
    difference = float(np.abs(theirs - expected).max())
    return [f"MediaPipe's answers differ by {difference:.2g}, {TOLERANCE:g} allowed"] if difference > TOLERANCE else []


def mediapipe_outputs(contract: str, path: Path, texts: Sequence[str], *, width: int) -> np.ndarray:
    """MediaPipe's answers, float (texts, width). It tokenises the texts itself."""
    package = import_module("mediapipe.tasks.python.text")
    base_options = import_module("mediapipe.tasks.python.core.base_options").BaseOptions
    options = getattr(package, f"{contract}Options")(base_options=base_options(model_asset_path=str(path)))
    with getattr(package, contract).create_from_options(options) as task:
        return np.stack([READERS[contract](task, text, width) for text in texts])


def _scores(task, text: str, count: int) -> np.ndarray:
    scores = np.zeros(count)
    for category in task.classify(text).classifications[0].categories:  # the best first
        scores[category.index] = category.score
    return scores


def _vector(task, text: str, count: int) -> np.ndarray:
    return np.asarray(task.embed(text).embeddings[0].embedding)


READERS = {"TextClassifier": _scores, "TextEmbedder": _vector}
"""MediaPipe's task -> the function that reads its answer for a text."""
