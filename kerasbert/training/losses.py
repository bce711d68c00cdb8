"""The usual loss and metric of each kind of output, and losses of a part of a batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import keras.src.losses.loss as keras_loss
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.training.embedding_losses import LOSSES, EmbeddingLoss


@keras.saving.register_keras_serializable("kerasbert")
class PositionCrossentropy(keras.losses.Loss):
    """Cross-entropy of the choice of one token of a row, from logits (batch, sequence).

    The right answers, of the same shape, are 1 at the right token, 0 at the row's other tokens, and negative behind
    them: the softmax does not see those.
    """

    def __init__(self, reduction="sum_over_batch_size", name="position_crossentropy", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        right = ops.maximum(y_true, 0.0)
        return -ops.sum(right * ops.log_softmax(own_tokens(y_true, y_pred), axis=-1), axis=-1)

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}


def own_tokens(y_true, y_pred):
    """The logits of a row's own tokens, and very small ones for the padding behind them."""
    return ops.where(y_true < 0, ops.cast(-1e9, y_pred.dtype), y_pred)


@keras.saving.register_keras_serializable("kerasbert")
def position_accuracy(y_true, y_pred):
    """Whether the largest logit of a row's own tokens is that of the right token."""
    return ops.cast(ops.argmax(own_tokens(y_true, y_pred), axis=-1) == ops.argmax(y_true, axis=-1), "float32")


@keras.saving.register_keras_serializable("kerasbert")
class PositionBinaryCrossentropy(keras.losses.Loss):
    """Mean binary cross-entropy of some tokens of a row, from logits (batch, sequence).

    The right answers, of the same shape, are from 0 to 1 at these tokens, and negative at all others.
    """

    def __init__(self, reduction="sum_over_batch_size", name="position_binary_crossentropy", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        asked = ops.cast(y_true >= 0, y_pred.dtype)
        losses = ops.binary_crossentropy(ops.maximum(y_true, 0.0), y_pred, from_logits=True)
        return ops.sum(asked * losses, axis=-1) / ops.maximum(ops.sum(asked, axis=-1), 1.0)

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}


@keras.saving.register_keras_serializable("kerasbert")
def best_position(y_true, y_pred):
    """Whether the largest logit of the tokens with a right answer is at one with the largest right answer."""
    chosen = ops.argmax(own_tokens(y_true, y_pred), axis=-1)
    found = ops.take_along_axis(y_true, ops.expand_dims(chosen, -1), axis=-1)[:, 0]
    return ops.cast(found == ops.max(y_true, axis=-1), "float32")


@keras.saving.register_keras_serializable("kerasbert")
class TokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of the next token from logits (batch, length, vocab_size), with smoothed labels.

    Args:
        label_smoothing: the share of each target's probability that is spread over all words (Szegedy et al. 2016,
            arXiv 1512.00567, section 7).

    Raises:
        ConfigError: `label_smoothing` is not from 0 to below 1.
    """

    def __init__(self, label_smoothing=0.1, reduction="mean_with_sample_weight", name="token_crossentropy", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"label_smoothing is {label_smoothing}: use a number of at least 0 and below 1")
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        true = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)[..., 0]
        smoothed = (1.0 - self.label_smoothing) * true + self.label_smoothing * ops.mean(y_pred, axis=-1)
        return ops.logsumexp(y_pred, axis=-1) - smoothed

    def get_config(self):
        own = {"label_smoothing": self.label_smoothing, "reduction": self.reduction}
        return {**own, "name": self.name, "dtype": self.dtype}


USUAL: dict[str, tuple[Callable, Callable | None]] = {
    "position": (
        lambda reduction: PositionCrossentropy(reduction=reduction),
        lambda: keras.metrics.MeanMetricWrapper(position_accuracy, name="accuracy"),
    ),
    "positions": (
        lambda reduction: PositionBinaryCrossentropy(reduction=reduction),
        lambda: keras.metrics.MeanMetricWrapper(best_position, name="best_position"),
    ),
    "choice": (
        lambda reduction: keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction),
        lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ),
    "example": (
        lambda reduction: keras.losses.CategoricalCrossentropy(from_logits=True, reduction=reduction),
        lambda: keras.metrics.CategoricalAccuracy(name="accuracy"),
    ),
    "choices": (
        lambda reduction: keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction),
        lambda: keras.metrics.BinaryAccuracy(threshold=0.0),  # per label, not per text
    ),
    "number": (
        lambda reduction: keras.losses.MeanSquaredError(reduction=reduction),
        lambda: keras.metrics.MeanAbsoluteError(name="mae"),
    ),
    "similarity": (lambda reduction: EmbeddingLoss(reduction=reduction), None),
}
"""Kind of an output (`kind_of`) -> its loss, given a reduction, and its metric. Other vectors have no usual loss."""
REDUCTIONS = {
    "row": "sum_over_batch_size",
    "example": "sum_over_batch_size",
    "token": "mean_with_sample_weight",
    "position": "mean_with_sample_weight",
    "decoder_input_ids": "mean_with_sample_weight",
}
"""`axis` of an output -> how its loss is reduced. Weights say which tokens or rows count; padding does not."""


def kind_of(output) -> str:
    """The kind of an output that decides its usual loss: "position" for a choice among tokens, "positions" for several
    tokens that do not exclude each other, "example" for a choice among the rows of an example, "similarity" for the
    vectors of these rows, else its `bar`."""
    if output.axis == "position" and output.bar == "choices":
        return "positions"
    if output.axis == "example" and output.bar == "vector":
        return "similarity"
    return output.axis if output.axis in ("position", "example") else output.bar


def usual_losses(outputs: Sequence) -> dict:
    """What `compile` takes as `loss`, `metrics` and `weighted_metrics` if the user gives nothing.

    Args:
        outputs: of a graph (`kerasbert.tasks.task.Output`).

    Returns:
        The three arguments by name: a loss and lists of metrics for one output, dicts by output name for several, None
        where there is nothing.
    """
    found = {"loss": {}, "metrics": {}, "weighted_metrics": {}}
    for each in outputs:
        if kind_of(each) in USUAL:
            loss, metric = USUAL[kind_of(each)]
            found["loss"][each.name] = loss(REDUCTIONS[each.axis])
            if metric:
                found["weighted_metrics" if each.by_token else "metrics"][each.name] = [metric()]
    if len(outputs) == 1:
        return {argument: next(iter(by_name.values()), None) for argument, by_name in found.items()}
    return {argument: by_name or None for argument, by_name in found.items()}


CROSSENTROPIES = {
    "sparsecategoricalcrossentropy": "choice",
    "binarycrossentropy": "choices",
    "categoricalcrossentropy": "example",
}
"""Keras's names of losses on probabilities, without underscores -> the kind of the outputs that they suit."""


def as_meant(loss, outputs: Sequence):
    """Keras's loss by name, for outputs that are logits: its function of this name takes them for probabilities.

    Args:
        loss: what `compile` is given: a loss, or a list or dict of losses.
        outputs: as in `usual_losses`.

    Raises:
        ConfigError: the loss suits other right answers.
    """
    kind = kind_of(outputs[0])
    if len(outputs) > 1 or kind not in USUAL:
        return loss

    def meant(each):
        if kind == "similarity":
            return LOSSES[each]() if each in LOSSES else each
        suits = CROSSENTROPIES.get(each.replace("_", "").casefold()) if isinstance(each, str) else None
        if suits is None:
            return each
        if suits != kind:
            raise ConfigError(f"loss is {each!r}: this model has another kind of right answers; leave loss out")
        return USUAL[kind][0](REDUCTIONS[outputs[0].axis])

    return keras.tree.map_structure(meant, loss)


def weighted_by_token(given: dict, outputs: Sequence) -> dict:
    """Metrics of one answer per token, all with weights: without these they would count padding and special tokens.

    Args:
        given: `metrics` and `weighted_metrics`, perhaps with more.
        outputs: as in `usual_losses`.
    """
    if len(outputs) > 1 or not outputs[0].by_token or given["metrics"] is None:
        return given
    every = [*keras.tree.flatten(given["metrics"]), *keras.tree.flatten(given["weighted_metrics"] or [])]
    return {**given, "metrics": None, "weighted_metrics": every}


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
