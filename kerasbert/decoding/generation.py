"""What every way of writing a text token by token shares: the step, the rules, and the texts that come out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Computes the next token's logits for several unfinished texts, which are called hypotheses.

Takes the last token of each hypothesis, int32 (N,), and for each the number of the hypothesis of the previous call that
it continues, int (N,), by which caches are put into order. In the first call this is the number of the row. Returns
float32 (N, vocabulary).
"""


@dataclass(frozen=True)
class Written:
    """A text that was written.

    Attributes:
        tokens: its ids, int32 (length,), without the start token. The last one is the end token, unless the text was
            stopped at the largest number of tokens.
        score: the sum of the tokens' log-probabilities, divided by length ** length_penalty.
    """

    tokens: np.ndarray
    score: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Where a text begins and ends, and what it must not hold.

    Attributes:
        start: the id that every text begins with. end: the id that ends a text.
        most: largest number of new tokens, with the end token.
        least: smallest number of new tokens before the end token.
        no_repeat: no n-gram of this size occurs twice, and the start token counts; 0 for no such rule.
    """

    start: int
    end: int
    most: int
    least: int = 0
    no_repeat: int = 0

    def log_probabilities(self, logits: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """The log-probabilities of the next token, float64 (N, vocabulary); -inf for a token that a rule forbids.

        The others keep their value, as in transformers.

        Args:
            logits: float32 (N, vocabulary).
            texts: the ids so far with the start token, int (N, length).
        """
        found = log_softmax(logits)
        if texts.shape[1] - 1 < self.least:
            found[:, self.end] = -np.inf
        if 0 < self.no_repeat <= texts.shape[1]:
            grams = np.lib.stride_tricks.sliding_window_view(texts, self.no_repeat, axis=1)  # (N, number, size)
            last = texts[:, texts.shape[1] + 1 - self.no_repeat :]
            again = (grams[..., :-1] == last[:, None]).all(axis=-1)
            hypotheses, places = np.nonzero(again)
            found[hypotheses, grams[hypotheses, places, -1]] = -np.inf
        return found


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """The logarithms of the probabilities of the last axis: float32 (..., vocabulary) -> float64, same shape."""
    largest = logits.max(axis=-1, keepdims=True)
    sums = np.exp(logits - largest).sum(axis=-1, keepdims=True, dtype=np.float64)
    return logits - (largest + np.log(sums))


def best_places(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the largest numbers of an array (size,), largest first and without -inf. Among equal numbers,
    the first place comes first."""
    if count < len(values):
        bound = np.partition(values, -count)[-count]
        places = np.flatnonzero(values >= bound)
    else:
        places = np.arange(len(values))
    places = places[values[places] > -np.inf]
    return places[np.argsort(-values[places], kind="stable")[:count]]
