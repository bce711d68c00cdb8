"""Beam search: keeps the best unfinished texts, and returns the best finished ones. With one beam it is greedy search.

It follows transformers' (`early_stopping=False`), so that both write the same texts with the same scores.
"""

import numpy as np

from kerasbert.decoding.generation import Rules, Step, Written, best_places


def beam_search(
    step: Step, rows: int, rules: Rules, *, beams: int = 1, length_penalty: float = 1.0
) -> list[list[Written]]:
    """Writes the most probable texts for each row.

    In each step, a row keeps the `beams` best of its hypotheses that have not ended. A hypothesis that ends is kept
    among the row's `beams` best texts if it is one of the step's `beams` best continuations. A row is done when it has
    `beams` texts and its best hypothesis, at its present length, is no better than the worst of them. Rows that are
    done leave the batch. So what is written for a row does not depend on the other rows.

    Among continuations with equal scores, that of the better hypothesis comes first, and then the lower token.

    Args:
        step: computes the logits.
        rows: number of rows.
        rules: where a text ends and what it must not hold.
        beams: number of hypotheses per row.
        length_penalty: above 0 it favours longer texts, below 0 shorter ones.

    Returns:
        For each row at most `beams` texts, best first, and at least one.
    """
    written: list[list[Written]] = [[] for _ in range(rows)]
    owners = origins = np.arange(rows)
    texts, sums = np.full((rows, 1), rules.start, np.int32), np.zeros(rows)
    for length in range(1, rules.most + 1):
        scores = sums[:, None] + rules.log_probabilities(step(texts[:, -1], origins), texts)
        chosen = []
        for row in np.unique(owners):
            mine = np.flatnonzero(owners == row)
            going, ended = _continued(scores[mine], rules, length, beams)
            penalty = length**length_penalty
            found = [Written(_joined(texts[mine[i]], token), total / penalty) for i, token, total in ended]
            written[row] = sorted(written[row] + found, key=lambda each: -each.score)[:beams]
            full = len(written[row]) == beams
            if going and not (full and going[0][2] / penalty <= written[row][-1].score):
                chosen += [(mine[i], token, total) for i, token, total in going]
            elif not written[row]:  # the rules leave no token, not even the end
                spent = max(length - 1, 1) ** length_penalty
                written[row] = [Written(texts[i][1:], float(sums[i] / spent)) for i in mine]
        if not chosen:
            break
        origins, tokens, sums = map(np.array, zip(*chosen, strict=True))
        owners = owners[origins]
        texts = np.concatenate([texts[origins], tokens[:, None].astype(np.int32)], axis=1)
    return written


def _continued(scores: np.ndarray, rules: Rules, length: int, beams: int) -> tuple[list, list]:
    """The best continuations of a row's hypotheses: those that go on, and those that end here.

    Args:
        scores: float (hypotheses, vocabulary), sums of log-probabilities.
        length: number of new tokens with this one.

    Returns:
        Two lists of (hypothesis, token, score), best first.
    """
    going, ended = [], []
    # As many again, because each of the best ones may end.
    for rank, place in enumerate(best_places(scores.ravel(), 2 * beams)):
        hypothesis, token = divmod(int(place), scores.shape[1])
        continued = (hypothesis, token, float(scores[hypothesis, token]))
        if token == rules.end or length == rules.most:
            ended += [continued] if rank < beams else []
        elif len(going) < beams:
            going.append(continued)
    return going, ended


def _joined(text: np.ndarray, token: int) -> np.ndarray:
    """The ids of a text and one more, without the start token."""
    return np.append(text[1:], np.int32(token))
