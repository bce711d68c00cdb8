"""Soft labels in a lesson: a teacher's logits beside the right answer."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.task import Graph, Output


def with_soft_labels(lesson: Lesson, taught: Mapping[str, np.ndarray], graph: Graph, *, labelled: bool) -> Lesson:
    """The lesson with a teacher's logits, for `kerasbert.training.soft_losses.SoftLoss`.

    Args:
        lesson: a row with its right answers. An answer of weight 0 as a whole is unknown.
        taught: output name -> the teacher's logits for the row, in the form of the output.
        graph: names the outputs.
        labelled: whether the right answers are known. If not, they are only there for their shapes and weights.

    Returns:
        A lesson whose targets, float32, have a last axis of 2: the right answer in the form of logits (NaN where it is
        unknown), and the teacher's logits. A weight that was 0 for a whole answer is 1, since the teacher has one.
    """
    targets, weights = {}, dict(lesson.weights)
    for each in graph.outputs:
        right = _as_logits(lesson.targets[each.name], each)
        unknown = each.name in weights and np.ndim(weights[each.name]) == 0 and not weights[each.name]
        if unknown:
            weights[each.name] = np.float32(1)
        if unknown or not labelled:
            right = np.full_like(right, np.nan)
        targets[each.name] = np.stack([right, np.asarray(taught[each.name], np.float32)], axis=-1)
    return replace(lesson, targets=targets, weights=weights)


def _as_logits(target: np.ndarray, output: Output) -> np.ndarray:
    """A right answer in the form of the output: an index becomes a 1 among 0."""
    if output.bar == "choice" and output.axis in ("row", "token"):
        return np.eye(output.width, dtype=np.float32)[target]
    return np.asarray(target, np.float32)
