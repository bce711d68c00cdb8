"""Losses of sentence embeddings: the texts of an example have a vector each, and one loss.

Every loss takes vectors of length 1, float32 (examples, texts, width), with the anchor first, the positive second and
negatives behind them, and targets (examples, texts, size), which `kerasbert.tasks.sentence_embedding.targets` makes. It
returns one number per example. Other examples are seen only where they share a micro-batch on a replica.
"""

import keras
from keras import ops

from kerasbert.errors import ConfigError

SCORE, TEXT_ID = 1, 2
"""Sizes of targets: the right cosine, and an id of the text; other targets are vectors."""
NEVER = -1e9
"""The logit of a text that is no negative."""


class _OfExamples(keras.losses.Loss):
    """A loss with one number per example."""

    def __init__(self, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def get_config(self):
        return {"reduction": self.reduction, "name": self.name, "dtype": self.dtype}


def _check_pairs(y_true, loss: str) -> None:
    if len(y_true.shape) != 3 or y_true.shape[-1] != TEXT_ID:
        raise ConfigError(f"{loss}: its examples are pairs without right answers; leave scores and vectors out")


def _is_missing(ids):
    """Whether there is no text. Args: ids: (..., 2). Returns: bool (...)."""
    return ops.all(ops.equal(ids, 0.0), axis=-1)


def _equal(a, b):
    """Which texts are equal: ids (a, 2) and (b, 2) -> bool (a, b)."""
    return ops.all(ops.equal(ops.expand_dims(a, 1), ops.expand_dims(b, 0)), axis=-1)


@keras.saving.register_keras_serializable("kerasbert")
class MultipleNegativesRankingLoss(_OfExamples):
    """Cross-entropy of the choice of an anchor's positive among all positives and negatives (arXiv 1705.00652).

    The logits are cosines times `scale`. A text is no negative of an anchor if an example of the batch has it as the
    positive of the same anchor text; so no positive is a negative of itself, however often it occurs.

    Args:
        scale: what cosines are multiplied by, 1 / temperature.
    """

    def __init__(self, scale=20.0, reduction="sum_over_batch_size", name="multiple_negatives_ranking", dtype=None):
        super().__init__(reduction, name, dtype)
        self.scale = scale

    def call(self, y_true, y_pred):
        _check_pairs(y_true, self.name)
        anchors, positives = y_pred[:, 0], y_pred[:, 1]
        anchor_ids, positive_ids = y_true[:, 0], y_true[:, 1]
        others = ops.concatenate([positives, ops.reshape(y_pred[:, 2:], (-1, y_pred.shape[-1]))], axis=0)
        other_ids = ops.concatenate([positive_ids, ops.reshape(y_true[:, 2:], (-1, TEXT_ID))], axis=0)
        # right[i, j]: the text j is the positive of some example whose anchor is that of example i.
        same_anchor, same_text = _equal(anchor_ids, anchor_ids), _equal(positive_ids, other_ids)
        right = ops.matmul(ops.cast(same_anchor, "float32"), ops.cast(same_text, "float32")) > 0.0
        logits = self.scale * ops.matmul(anchors, ops.transpose(others))
        logits = ops.where(right | _is_missing(other_ids), NEVER, logits)
        own = self.scale * ops.sum(anchors * positives, axis=-1)
        return ops.softplus(ops.logsumexp(logits, axis=-1) - own)  # the cross-entropy of `own` among all of them

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("kerasbert")
class CosineSimilarityLoss(_OfExamples):
    """The square of the difference between the cosine of two texts and the right one (arXiv 1908.10084, section 3)."""

    def __init__(self, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(reduction, name, dtype)

    def call(self, y_true, y_pred):
        return ops.square(ops.sum(y_pred[:, 0] * y_pred[:, 1], axis=-1) - y_true[:, 0, 0])


@keras.saving.register_keras_serializable("kerasbert")
class TripletLoss(_OfExamples):
    """How much a negative's cosine is above the positive's, less a margin: the mean over the negatives of an example.

    An example without a negative adds nothing.

    Args:
        margin: how much the positive's cosine should be above each negative's.
    """

    def __init__(self, margin=0.5, reduction="sum_over_batch_size", name="triplet", dtype=None):
        super().__init__(reduction, name, dtype)
        self.margin = margin

    def call(self, y_true, y_pred):
        _check_pairs(y_true, self.name)
        cosines = ops.sum(y_pred[:, :1] * y_pred[:, 1:], axis=-1)
        real = ops.cast(~_is_missing(y_true[:, 2:]), cosines.dtype)
        losses = ops.relu(cosines[:, 1:] - cosines[:, :1] + self.margin)
        return ops.divide_no_nan(ops.sum(losses * real, axis=-1), ops.sum(real, axis=-1))

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


@keras.saving.register_keras_serializable("kerasbert")
class EmbeddingLoss(_OfExamples):
    """The usual loss of the examples, told from the size of their targets.

    Pairs have `MultipleNegativesRankingLoss`, scored pairs `CosineSimilarityLoss`, and texts with right vectors the
    mean squared error.
    """

    def __init__(self, reduction="sum_over_batch_size", name="embedding_loss", dtype=None):
        super().__init__(reduction, name, dtype)

    def call(self, y_true, y_pred):
        kinds = {SCORE: CosineSimilarityLoss, TEXT_ID: MultipleNegativesRankingLoss}
        if len(y_true.shape) == 3 and y_true.shape[-1] in kinds:
            return kinds[y_true.shape[-1]]().call(y_true, y_pred)
        return ops.mean(ops.square(y_true - y_pred), axis=tuple(range(1, len(y_pred.shape))))


LOSSES = {"multiple_negatives_ranking": MultipleNegativesRankingLoss, "triplet": TripletLoss}
"""The losses that `compile` takes by name for sentence embeddings, besides Keras's own."""
