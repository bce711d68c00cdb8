"""A file for MediaPipe in MediaPipe itself, where its Python package is installed."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from kerasbert.decoding.labels import SCORES
from kerasbert.quiet import quiet

TOLERANCE = 1e-3
"""Largest difference of its scores, or of a value of its embeddings, from those of our runtime."""


def check_in_mediapipe(
    path: Path, ours: Mapping[str, np.ndarray], *, labels: Sequence[str], problem_type: str
) -> list[str]:
    """What is wrong with MediaPipe's answers: nothing, or one line. Nothing either where it is not installed.

    Args:
        path: of the file. ours: text -> the output of our runtime from it; MediaPipe reads the text alike.
    """
    if not ours:
        return []
    try:
        with quiet():
            theirs = mediapipe_outputs(path, list(ours), labels=labels)
    except ImportError:
        return []
    except (RuntimeError, ValueError) as error:
        return [f"MediaPipe does not take the file ({str(error).partition(chr(10))[0]})"]
    expected = SCORES.get(problem_type, np.asarray)(np.stack(list(ours.values())))
    difference = float(np.abs(theirs - expected).max())
    return [f"MediaPipe's answers differ by {difference:.2g}, {TOLERANCE:g} allowed"] if difference > TOLERANCE else []


def mediapipe_outputs(path: Path, texts: Sequence[str], *, labels: Sequence[str]) -> np.ndarray:
    """What MediaPipe answers, float (texts, labels or width): TextClassifier's scores, or, without labels,
    TextEmbedder's vectors. It tokenises the texts itself."""
    package = import_module("mediapipe.tasks.python.text")
    base_options = import_module("mediapipe.tasks.python.core.base_options").BaseOptions
    kind = "TextClassifier" if labels else "TextEmbedder"
    options = getattr(package, f"{kind}Options")(base_options=base_options(model_asset_path=str(path)))
    with getattr(package, kind).create_from_options(options) as task:
        return np.stack([_scores(task, text, len(labels)) if labels else _vector(task, text) for text in texts])


def _scores(task, text: str, count: int) -> np.ndarray:
    scores = np.zeros(count)
    for category in task.classify(text).classifications[0].categories:  # the best first
        scores[category.index] = category.score
    return scores


def _vector(task, text: str) -> np.ndarray:
    return np.asarray(task.embed(text).embeddings[0].embedding)
