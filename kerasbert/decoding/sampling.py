"""Sampling: draws each token of a text by its probability, among the likely ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.generation import Rules, Step, Written, best_places

Draw = Callable[[int, int, int], float]
"""The number of a row, of one of its texts, and of the token, each from 0 -> a random number in [0, 1). The same
arguments always give the same number, so that a text does not depend on others."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Among which tokens one is drawn, and how.

    Attributes:
        temperature: logits are divided by it; below 1 likely tokens become likelier.
        top_k: only this number of the likeliest tokens; 0 for all.
        top_p: only the likeliest tokens that together have at least this probability, after `temperature` and `top_k`.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def distribution(self, log_probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tokens that may be drawn, likeliest first and of equal ones the lower first, and their probabilities.

        Args:
            log_probabilities: float (vocabulary,); -inf for a token that must not be drawn. At least one is finite.
        """
        tokens = best_places(log_probabilities, self.top_k or len(log_probabilities))
        scaled = log_probabilities[tokens] / self.temperature
        weights = np.exp(scaled - scaled[0])
        before = np.cumsum(weights) - weights
        kept = max(1, np.count_nonzero(before < self.top_p * weights.sum()))
        return tokens[:kept], weights[:kept] / weights[:kept].sum()


def sample(
    step: Step,
    rows: int,
    rules: Rules,
    draw: Draw,
    sampling: Sampling,
    *,
    count: int = 1,
    length_penalty: float = 1.0,
) -> list[list[Written]]:
    """Writes random texts for each row. Texts that are done leave the batch.

    Args:
        step: computes the logits.
        rows: number of rows.
        rules: where a text ends and what it must not hold.
        draw: the random numbers.
        sampling: among which tokens one is drawn.
        count: number of texts per row.
        length_penalty: see `Written.score`, which is computed from the model's own probabilities.

    Returns:
        `count` texts per row, those with the best scores first.
    """
    written: list[list[Written]] = [[] for _ in range(rows)]
    chains = [(row, number) for row in range(rows) for number in range(count)]
    origins = np.repeat(np.arange(rows), count)
    texts, sums = np.full((len(chains), 1), rules.start, np.int32), np.zeros(len(chains))
    for length in range(1, rules.most + 1):
        scores = rules.log_probabilities(step(texts[:, -1], origins), texts)
        going = []
        for i, (row, number) in enumerate(chains):
            if not (scores[i] > -np.inf).any():  # the rules leave no token, not even the end
                score = float(sums[i] / max(length - 1, 1) ** length_penalty)
                written[row].append(Written(texts[i][1:], score))
                continue
            tokens, probabilities = sampling.distribution(scores[i])
            ends = np.cumsum(probabilities)
            place = np.searchsorted(ends, draw(row, number, length - 1) * ends[-1], side="right")
            token = int(tokens[min(place, len(tokens) - 1)])
            total = sums[i] + scores[i, token]
            if token == rules.end or length == rules.most:
                tokens = np.append(texts[i][1:], np.int32(token))
                written[row].append(Written(tokens, float(total / length**length_penalty)))
            else:
                going.append((i, token, total))
        if not going:
            break
        origins, tokens, sums = map(np.array, zip(*going, strict=True))
        chains = [chains[i] for i in origins]
        texts = np.concatenate([texts[origins], tokens[:, None].astype(np.int32)], axis=1)
    return [sorted(found, key=lambda each: -each.score) for found in written]
