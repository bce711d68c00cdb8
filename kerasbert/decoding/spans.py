"""Turns the start and end logits of windows into the best spans of a text, and into none.

As the code of BERT does it for SQuAD (Devlin et al. 2018, section 4.2 and 4.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

N_BEST = 20
"""How many starts and how many ends of a window are paired, and how many spans are kept."""


@dataclass(frozen=True)
class Span:
    """Tokens of a window.

    Attributes:
        window: its number.
        start, end: its first and last token.
        score: the sum of the start's and of the end's logit.
    """

    window: int
    start: int
    end: int
    score: float


def best_spans(
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    contexts: Sequence[slice],
    kept: Sequence[slice],
    *,
    longest: int,
    n_best: int = N_BEST,
) -> list[Span]:
    """Finds spans inside the context, best first. Of spans with equal scores, the first window's come first.

    The best starts and ends are taken among all tokens, as the original code does, and pairs that are no span of the
    context are left out. If none is left, all of the context's tokens are paired. So there is always a span if any
    window has a token of the context that it keeps.

    Args:
        starts, ends: logits of each window, float (tokens,).
        contexts: the context's tokens in each window.
        kept: the tokens of each window that may begin a span: those that have the most context there.
        longest: largest number of tokens in a span.
    """
    places = list(zip(starts, ends, contexts, kept, strict=True))
    found = [_of_window(i, *each, longest, n_best, among_all=True) for i, each in enumerate(places)]
    if not any(found):
        found = [_of_window(i, *each, longest, n_best, among_all=False) for i, each in enumerate(places)]
    return sorted((span for spans in found for span in spans), key=lambda span: -span.score)


def _of_window(window, start, end, context, kept, longest, n_best, *, among_all) -> list[Span]:
    start, end = np.asarray(start, float), np.asarray(end, float)
    within = np.zeros(len(start), bool)
    within[context] = True
    may_begin = within & np.isin(np.arange(len(start)), np.arange(len(start))[kept])
    every, most = (np.ones_like(within), n_best) if among_all else (within, None)
    firsts, lasts = _best(start, every, most), _best(end, every, most)
    firsts, lasts = firsts[may_begin[firsts]], lasts[within[lasts]]
    length = lasts[None, :] - firsts[:, None] + 1
    scores = start[firsts][:, None] + end[lasts][None, :]
    pairs = np.argwhere((length >= 1) & (length <= longest))
    return [Span(window, int(firsts[i]), int(lasts[j]), float(scores[i, j])) for i, j in pairs]


def _best(logits: np.ndarray, allowed: np.ndarray, count: int | None) -> np.ndarray:
    """The places of the largest logits, or of all; of equal ones, the first place."""
    places = np.flatnonzero(allowed)
    return places[np.argsort(-logits[places], kind="stable")[:count]]


def null_score(starts: Sequence[np.ndarray], ends: Sequence[np.ndarray]) -> float:
    """The score of the answer "none": the smallest over the windows, because each of them must hold no answer."""
    return min(float(start[0]) + float(end[0]) for start, end in zip(starts, ends, strict=True))


def most_context(begins: Sequence[int], sizes: Sequence[int]) -> list[slice]:
    """The tokens that each of some overlapping windows keeps, by places in the window.

    A token belongs to the window where the smaller number of tokens before and after it is largest; longer windows have
    a small advantage. The rule is that of BERT's code (`_check_is_max_context`).

    Args:
        begins: the place of each window's first token in the text.
        sizes: number of tokens in each window.
    """
    begins, sizes = np.asarray(begins)[:, None], np.asarray(sizes)[:, None]
    places = np.arange(int((begins + sizes).max(initial=0)))[None, :]
    left, right = places - begins, begins + sizes - 1 - places
    scores = np.where((left >= 0) & (right >= 0), np.minimum(left, right) + 0.01 * sizes, -1.0)
    owner = scores.argmax(axis=0)
    found = []
    for window, (begin,) in enumerate(begins):
        mine = np.flatnonzero(owner == window) - begin
        found.append(slice(int(mine[0]), int(mine[-1]) + 1) if len(mine) else slice(0, 0))
    return found
