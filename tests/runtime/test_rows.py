"""Rows that share a call."""

import numpy as np
import pytest

from kerasbert.runtime.rows import pieces, tokens_of


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        ([5], [(0, 1)]),
        ([2, 2, 3, 3, 4], [(0, 3), (3, 5)]),  # 3 rows of 3 tokens are 9; a fourth would make 12
        ([5, 5, 5], [(0, 2), (2, 3)]),  # exactly 10
        ([40, 1, 1, 30], [(0, 1), (1, 3), (3, 4)]),
    ],
)
def test_neighbours_share_a_piece_of_at_most_10_tokens(tokens, wanted):
    assert [(part.start, part.stop) for part in pieces(tokens, 10)] == wanted


def test_own_tokens_are_those_of_the_mask():
    ids = np.ones((2, 4), np.int32)
    assert tokens_of({"input_ids": ids, "attention_mask": np.array([[1, 1, 0, 0], [1, 1, 1, 0]])}) == [2, 3]
    assert tokens_of({"input_ids": ids}) == [4, 4]


def test_every_row_can_be_a_piece_by_itself():
    assert pieces([3, 1, 2], 0) == [slice(0, 1), slice(1, 2), slice(2, 3)]
