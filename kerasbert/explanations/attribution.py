"""What tokens and words contribute to a logit, with their places in the texts, and attention maps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A token or a word of a text.

    Attributes:
        text: the token as the vocabulary writes it, or the word as it stands in the text.
        field: the text that it is in, such as "text" or "context".
        start, end: where it stands there, in code points.
        attribution: what it adds to the score. The attributions of all pieces add up to the change of the score from
            the baseline.
    """

    text: str
    field: str
    start: int
    end: int
    attribution: float


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What the tokens contribute to one logit.

    Attributes:
        target: what the logit says: a label, or "start" or "end" of an answer.
        answer: the answer, or the entity, that the logit decides.
        score, baseline_score: the logit for the text, and for the baseline.
        steps: number of points on the path between the two.
        error: how far the sum of the attributions is from `score - baseline_score`, as a share of that difference.
        complete: whether `error` is at most 1 %.
        tokens: the tokens of the texts in their order. Special tokens such as [CLS] are not among them: they are the
            same in the baseline, so their attributions are 0.
        words: the same by word, the pieces of a word added up.
    """

    target: str
    answer: Mapping
    score: float
    baseline_score: float
    steps: int
    error: float
    complete: bool
    tokens: tuple[Piece, ...]
    words: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class AttentionMap:
    """The attention of the tokens of one row to each other.

    Attributes:
        tokens: the row's tokens as the vocabulary writes them, special ones too.
        weights: float32 (layers, heads, tokens, tokens); each token's weights, on the last axis, have the sum 1.
    """

    tokens: tuple[str, ...]
    weights: np.ndarray


def heading(attribution: Mapping) -> str:
    """One line about an attribution, given as a dict."""
    word = attribution["answer"].get("word")
    of = f" of {word}" if word else ""
    return (
        f"{attribution['target']}{of}: logit {attribution['score']:.3f}, baseline "
        f"{attribution['baseline_score']:.3f}; the attributions' sum is {attribution['error']:.2%} off after "
        f"{attribution['steps']} steps"
    )
