"""Spans where the best starts and ends make none: there is always an answer."""

import numpy as np

from kerasbert.decoding.spans import best_spans

TOKENS, CONTEXT = 100, slice(3, 99)


def test_where_all_of_the_best_starts_lie_behind_the_best_ends_every_token_is_paired():
    """The 20 best starts are the context's last tokens, and the 20 best ends its first ones."""
    start, end = np.arange(TOKENS, dtype=float), -1.5 * np.arange(TOKENS)
    best, *others = best_spans([start], [end], [CONTEXT], [CONTEXT], longest=1)
    assert (best.start, best.end, best.score) == (3, 3, -1.5)
    assert len(others) == 95
    best, *_ = best_spans([start], [end], [CONTEXT], [slice(50, 60)], longest=2)
    assert (best.start, best.end, best.score) == (50, 50, -25.0)


def test_a_best_start_far_before_the_best_ends_does_not_leave_a_question_without_an_answer():
    start, end = -np.arange(TOKENS, dtype=float), np.arange(TOKENS, dtype=float)
    best, *_ = best_spans([start], [end], [CONTEXT], [CONTEXT], longest=30)
    assert (best.start, best.end, best.score) == (3, 32, 29.0)
