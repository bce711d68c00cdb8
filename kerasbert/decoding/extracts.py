"""Chooses the sentences of a summary by their scores."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def best_sentences(
    scores: Sequence[float], words: Sequence[Sequence[str]], *, top_k: int, trigram_blocking: bool
) -> list[int]:
    """The sentences with the highest scores, in the order of the text. Of equal scores, the first one counts.

    Args:
        scores: one number per sentence; -inf for one that is never chosen.
        words: the words of each sentence.
        top_k: largest number of sentences.
        trigram_blocking: whether a sentence is passed over that shares three words in a row with one chosen before it
            (Paulus et al. 2017, arXiv 1705.04304, section 2.5, as BertSum does it).
    """
    chosen, seen = [], set()
    for number in np.argsort(-np.asarray(scores, float), kind="stable").tolist():
        if len(chosen) == top_k or scores[number] == -np.inf:
            break
        trigrams = set(zip(words[number], words[number][1:], words[number][2:], strict=False))
        if not (trigram_blocking and trigrams & seen):
            chosen.append(number)
            seen |= trigrams
    return sorted(chosen)


def oracle(sentences: Sequence[Sequence[str]], summary: Sequence[str], *, most: int) -> tuple[list[int], float]:
    """The sentences that summarise a text best, found greedily, as BertSum labels its training texts.

    The sentence that raises ROUGE most is added until none raises it. ROUGE is the sum of the F1 of different words and
    of the F1 of different pairs of neighbouring words.

    Args:
        sentences: the words of each sentence of the text.
        summary: the words of the right summary.
        most: largest number of sentences.

    Returns:
        The sentences in the order of the text, none if no word is shared; and their ROUGE.
    """
    parts, wanted = [_grams(each) for each in sentences], _grams(summary)
    chosen, best, have = [], 0.0, (frozenset(), frozenset())
    while len(chosen) < most:
        tried = [tuple(a | b for a, b in zip(have, part, strict=True)) for part in parts]
        scores = [_f1_of(found, wanted) if number not in chosen else 0.0 for number, found in enumerate(tried)]
        if not scores or max(scores) <= best:
            break
        best = max(scores)
        chosen.append(scores.index(best))
        have = tried[chosen[-1]]
    return sorted(chosen), best


def _grams(words: Sequence[str]) -> tuple[frozenset, frozenset]:
    """The different words, and the different pairs of neighbouring words."""
    return frozenset(words), frozenset(pairwise(words))


def _f1_of(found: tuple, wanted: tuple) -> float:
    shared = [2 * len(a & b) / max(1, len(a) + len(b)) for a, b in zip(found, wanted, strict=True)]
    return sum(shared)
