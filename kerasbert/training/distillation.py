"""Losses with which a student learns on text from its teacher: MiniLMv2's relations, and DistilBERT's triple loss.

Each is a sum over tokens, a float32 scalar with a gradient with respect to the student's tensors only. Its divisor is
the sum of the same weights.
"""

import math

import keras
from keras import ops

from kerasbert.errors import ConfigError

RELATION_HEAD = 16
"""Numbers in a relation head of the teacher if nobody says how many heads there are: 48 heads of BERT-base and 64 of
BERT-large, as in the paper."""


def relation_heads_of(teacher: int, student: int, heads: int | None = None) -> int:
    """The number of relation heads for two widths.

    Args:
        teacher, student: the widths.
        heads: the number that was asked for. None: the largest one that divides both widths and leaves the teacher's
            heads `RELATION_HEAD` numbers or more.

    Raises:
        ConfigError: `heads` does not divide both widths.
    """
    common = math.gcd(teacher, student)
    dividing = [each for each in range(1, common + 1) if common % each == 0]
    if heads is None:
        return max(each for each in dividing if each == 1 or each * RELATION_HEAD <= teacher)
    if heads not in dividing:
        raise ConfigError(
            f"relation_heads is {heads}, which does not divide the teacher's width {teacher} and the student's "
            f"{student}: use one of {', '.join(map(str, dividing))}"
        )
    return heads


def relation_loss(teacher, student, bias, weights, *, heads: int):
    """MiniLMv2's loss of one kind of relations (Wang et al. 2020, arXiv 2012.15828, section 3.1).

    The model's heads are joined and cut again into relation heads. In each, a token's relations are the softmax of its
    scaled dot products with all tokens. The loss of a token is the Kullback-Leibler divergence of the student's
    relations from the teacher's, the mean over the heads. (With the paper's cross-entropy it would differ by the
    teacher's entropy, which has no gradient.)

    Args:
        teacher, student: queries, keys or values of a block, (batch, heads, sequence, head size) each. Heads and head
            sizes of the two models may differ.
        bias: (batch, 1, 1 or sequence, sequence), added to the scores: 0 for tokens that a token may see, a very
            negative number elsewhere.
        weights: float32 (batch, sequence), 1 for tokens and 0 for padding.
        heads: the number of relation heads, which divides both widths.

    Returns:
        The sum over tokens, in nats.
    """
    bias = ops.cast(bias, "float32")
    taught = _log_relations(ops.stop_gradient(teacher), bias, heads)
    learned = _log_relations(student, bias, heads)
    divergence = ops.mean(_divergence(taught, learned), axis=1)  # (B, T)
    return ops.sum(divergence * weights)


def _log_relations(x, bias, heads: int):
    """(B, N, T, H) -> (B, R, T, T), the logarithms of the relations."""
    x = ops.cast(x, "float32")  # a product of large numbers is no number in float16, and has 3 digits in bfloat16
    batch, own, length, size = ops.shape(x)
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, length, heads, own * size // heads))
    x = ops.transpose(x, (0, 2, 1, 3))  # (B, R, T, D / R)
    scores = ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))
    return ops.log_softmax(scores * (1.0 / math.sqrt(x.shape[-1])) + bias)


def _divergence(taught, learned):
    """The Kullback-Leibler divergence from logarithms of probabilities: two tensors (..., K) -> (...)."""
    return ops.sum(ops.exp(taught) * (taught - learned), axis=-1)


def soft_target_loss(teacher, student, weights, *, temperature: float):
    """The loss of soft targets (Hinton et al. 2015, arXiv 1503.02531, section 2).

    It is the Kullback-Leibler divergence of the student's probabilities from the teacher's, both at a temperature,
    times its square: the gradient's size then does not depend on the temperature.

    Args:
        teacher, student: logits, float32 (..., classes).
        weights: float32 (...).
        temperature: the logits are divided by it.

    Returns:
        The weighted sum, in nats.
    """
    return ops.sum(softened_divergence(ops.stop_gradient(teacher), student, temperature) * weights)


def softened_divergence(teacher, student, temperature: float):
    """The summands of `soft_target_loss`: logits (..., classes) -> (...)."""
    taught, learned = (ops.log_softmax(x / temperature, axis=-1) for x in (teacher, student))
    return _divergence(taught, learned) * temperature**2


def cosine_loss(teacher, student, weights):
    """The sum of `1 - cosine` of two vectors each.

    Args:
        teacher, student: (..., width).
        weights: float32 (...).
    """
    taught, learned = (ops.cast(x, "float32") for x in (ops.stop_gradient(teacher), student))
    return ops.sum((1.0 + keras.losses.cosine_similarity(taught, learned)) * weights)  # Keras's is negative
