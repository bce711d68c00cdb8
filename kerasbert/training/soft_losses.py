"""The loss of a student that learns from a teacher's logits and from right answers (arXiv 1503.02531)."""

from collections.abc import Sequence

import keras
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.training.distillation import softened_divergence
from kerasbert.training.losses import REDUCTIONS, USUAL, kind_of, own_tokens


def _choice(right, taught, made, temperature):
    """A choice among labels: cross-entropy, and the Kullback-Leibler divergence of the softened distributions."""
    hard = -ops.sum(right * ops.log_softmax(made, axis=-1), axis=-1)
    return hard, softened_divergence(taught, made, temperature)


def _choices(right, taught, made, temperature):
    """Labels that do not exclude each other: the same of each label's two outcomes, as a mean over the labels."""
    hard = ops.binary_crossentropy(right, made, from_logits=True)
    wanted, found = taught / temperature, made / temperature
    yes = ops.sigmoid(wanted) * (ops.log_sigmoid(wanted) - ops.log_sigmoid(found))
    no = ops.sigmoid(-wanted) * (ops.log_sigmoid(-wanted) - ops.log_sigmoid(-found))
    return ops.mean(hard, axis=-1), ops.mean(yes + no, axis=-1) * temperature**2


def _number(right, taught, made, temperature):
    """Numbers: squared errors. The temperature has no meaning."""
    return tuple(ops.mean(ops.square(x - made), axis=-1) for x in (right, taught))


KINDS = {"choice": _choice, "position": _choice, "choices": _choices, "number": _number}
"""Kind of an output (`kerasbert.training.losses.kind_of`) -> right answers, the teacher's logits, the student's and the
temperature -> the loss by right answers and the loss by the teacher's, without the last axis."""


@keras.saving.register_keras_serializable("kerasbert")
class SoftLoss(keras.losses.Loss):
    """`alpha` times the loss by the teacher's logits, and `1 - alpha` times the usual loss by the right answers.

    The first is the Kullback-Leibler divergence of the student's distribution from the teacher's, both at
    `temperature`, times temperature ** 2, so that its gradient does not shrink with the temperature; for numbers, the
    squared error.
    An answer that is unknown adds nothing to the second. The mean goes over all answers, also the unknown ones.

    Targets are those of `kerasbert.tasks.soft.with_soft_labels`. Others are right answers alone, as held-out examples
    have them: the loss is then the usual one.

    Args:
        kind: a key of `KINDS`.
        alpha: the teacher's part, from 0 to 1.
        temperature: what logits are divided by; above 1 makes the small probabilities of wrong answers count more.

    Raises:
        ConfigError: a value is not allowed.
    """

    def __init__(
        self,
        kind: str,
        alpha: float = 0.5,
        temperature: float = 2.0,
        reduction="sum_over_batch_size",
        name="soft_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if kind not in KINDS:
            raise ConfigError(f"kind is {kind!r}: use one of {', '.join(KINDS)}")
        check_parts(alpha, temperature)
        self.kind, self.alpha, self.temperature = kind, alpha, temperature

    def call(self, y_true, y_pred):
        if len(y_true.shape) != len(y_pred.shape) + 1:
            return USUAL[self.kind][0](self.reduction).call(y_true, y_pred)
        right, taught = y_true[..., 0], y_true[..., 1]
        known = ops.cast(~ops.isnan(right[..., 0]), y_pred.dtype)
        if self.kind == "position":
            taught, y_pred = own_tokens(right, taught), own_tokens(right, y_pred)
            right = ops.maximum(right, 0.0)
        right = ops.where(ops.isnan(right), 0.0, right)
        hard, soft = KINDS[self.kind](right, taught, y_pred, self.temperature)
        return self.alpha * soft + (1.0 - self.alpha) * known * hard

    def get_config(self):
        own = {"kind": self.kind, "alpha": self.alpha, "temperature": self.temperature}
        return {**own, "reduction": self.reduction, "name": self.name, "dtype": self.dtype}


def check_parts(alpha: float, temperature: float) -> None:
    """Raises ConfigError: `alpha` is not from 0 to 1, or `temperature` is not above 0 and finite."""
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha is {alpha}: use a share from 0, the right answers alone, to 1, the teacher alone")
    if not 0 < temperature < float("inf"):
        raise ConfigError(f"temperature is {temperature}: use a number above 0, such as 2")


def soft_losses(outputs: Sequence, alpha: float, temperature: float):
    """What `compile` takes as `loss`: a `SoftLoss`, or a dict of them by output name if there are several outputs.

    Args:
        outputs: those of a training graph (`kerasbert.tasks.task.Output`).
    """
    found = {each.name: SoftLoss(kind_of(each), alpha, temperature, REDUCTIONS[each.axis]) for each in outputs}
    return found if len(found) > 1 else next(iter(found.values()))
