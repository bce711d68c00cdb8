"""Scores in exported files, from a model's numbers."""

from collections.abc import Sequence

import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.tasks.task import Output

SCORES = {"choice": tf.nn.softmax, "choices": tf.nn.sigmoid, "number": tf.identity}
"""Kind of an output's numbers (`kerasbert.tasks.task.Output.bar`) -> the function that gives the scores people see."""


def scores_of(output: Output, numbers: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The scores of an output's numbers. Padding has no share in a choice among tokens.

    Args:
        mask: the attention mask, int32 (batch, sequence).
    """
    if output.axis == "position":
        numbers = tf.where(mask > 0, numbers, numbers.dtype.min)
    return SCORES[output.bar](numbers)


LOGITS, SCORED = "logits", "scores"
"""The end of the name of an output that has scores, and the end of the name of its scores."""


def scores_names(outputs: Sequence[Output]) -> dict[str, str]:
    """Output name -> the name of its scores, for every output that has scores: "scores" for "logits".

    Raises:
        ExportError: such an output has a name that does not end in "logits", or its scores have the name of an output.
    """
    names = {}
    for each in outputs:
        if each.bar not in SCORES or each.axis == "example":  # there the rows of an example have scores together
            continue
        if not each.name.endswith(LOGITS):
            raise ExportError(f"the output {each.name!r} has scores ({each.bar}), so its name must end in {LOGITS!r}")
        names[each.name] = each.name.removesuffix(LOGITS) + SCORED
        if names[each.name] in [other.name for other in outputs]:
            raise ExportError(f"{names[each.name]!r} is an output, and the scores of {each.name!r} need that name")
    return names
