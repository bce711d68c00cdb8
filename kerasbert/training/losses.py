"""The usual loss and metric of each kind of output, and losses of a part of a batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import keras.src.losses.loss as keras_loss
from keras import ops

USUAL: dict[str, tuple[Callable, Callable]] = {
    "choice": (
        lambda reduction: keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction),
        lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ),
    "choices": (
        lambda reduction: keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction),
        lambda: keras.metrics.BinaryAccuracy(threshold=0.0),  # per label, not per text
    ),
    "number": (
        lambda reduction: keras.losses.MeanSquaredError(reduction=reduction),
        lambda: keras.metrics.MeanAbsoluteError(name="mae"),
    ),
}
"""`bar` of an output -> its loss, given a reduction, and its metric. Vectors have no usual loss."""
REDUCTIONS = {"row": "sum_over_batch_size", "token": "mean_with_sample_weight"}
"""`axis` of an output -> how its loss is reduced. The weights of tokens say which of them count, padding does not."""


def usual_losses(outputs: Sequence) -> dict:
    """What `compile` takes as `loss`, `metrics` and `weighted_metrics` if the user gives nothing.

    Args:
        outputs: of a graph, each with `name`, `bar` and `axis` (`kerasbert.tasks.task.Output`).

    Returns:
        The three arguments by name: a loss and lists of metrics for one output, dicts by output name for several, None
        where there is nothing.
    """
    found = {"loss": {}, "metrics": {}, "weighted_metrics": {}}
    for each in outputs:
        if each.bar in USUAL:
            loss, metric = USUAL[each.bar]
            found["loss"][each.name] = loss(REDUCTIONS[each.axis])
            found["weighted_metrics" if each.axis == "token" else "metrics"][each.name] = [metric()]
    if len(outputs) == 1:
        return {argument: next(iter(by_name.values()), None) for argument, by_name in found.items()}
    return {argument: by_name or None for argument, by_name in found.items()}


@dataclass(frozen=True)
class Share:
    """Weights of some rows for a loss, and how much of the whole batch they are.

    Attributes:
        weights: as Keras's `sample_weight`, or None.
        of_rows: the number of these rows by that of all. of_weights: the sum of these weights by that of all.
    """

    weights: object
    of_rows: object
    of_weights: object


def rows_share(rows, divisors: dict):
    """How much of the whole batch some rows are."""
    return ops.cast(rows, "float32") / divisors["rows"]


def shares(weights, of_rows, divisors: dict):
    """The weights of some rows, each as a `Share`."""
    totals = iter(divisors["weights"])

    def share(each):
        if each is None:
            return Share(None, of_rows, of_rows)
        return Share(each, of_rows, ops.divide_no_nan(ops.sum(ops.cast(each, "float32")), next(totals)))

    return keras.tree.map_structure(share, weights)


class InParts:
    """A Keras loss that returns what some rows add to the loss of the whole batch.

    A mean over the rows is multiplied by their share of what Keras would divide the whole batch by. With weights that
    are no `Share` it is the loss itself.
    """

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, y_true, y_pred, sample_weight=None):
        if not isinstance(sample_weight, Share):
            return self.loss(y_true, y_pred, sample_weight)
        value, share = self.loss(y_true, y_pred, sample_weight.weights), sample_weight
        factors = {"mean_with_sample_weight": share.of_weights, "sum": 1.0, "none": 1.0, None: 1.0}
        self.value = ops.sum(value) * factors.get(self.loss.reduction, share.of_rows)
        return self.value


@contextmanager
def unscaled() -> Iterator[None]:
    """Within, Keras's losses are not divided by the number of replicas, as they are under a strategy."""
    names = ("scale_loss_for_distribution", "unscale_loss_for_distribution")
    kept = {name: getattr(keras_loss, name) for name in names}
    for name in names:
        setattr(keras_loss, name, lambda value: value)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(keras_loss, name, function)
