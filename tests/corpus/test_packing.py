"""The histogram packer against best fit done item by item."""

from itertools import pairwise

import numpy as np
import pytest

from kerasbert.corpus.packing import pack


def best_fit(lengths, capacity: int) -> list[int]:
    """Free tokens of each row when every item, longest first, goes where it leaves the least; sorted."""
    free: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row, left in enumerate(free) if left >= length]
        if fitting:
            free[min(fitting, key=free.__getitem__)] -= length
        else:
            free.append(capacity - length)
    return sorted(free)


def generated(seed: int):
    draw = np.random.default_rng(seed)
    capacity = int(draw.integers(1, 60))
    lengths = draw.integers(1, draw.integers(1, capacity + 1) + 1, draw.integers(0, 200))
    return lengths, capacity


@pytest.mark.parametrize("seed", range(100))
def test_rows_are_those_of_best_fit(seed):
    lengths, capacity = generated(seed)
    items, rows = pack(lengths, capacity)
    assert sorted(items.tolist()) == list(range(len(lengths)))
    contents = [lengths[items[begin:end]] for begin, end in pairwise(rows)]
    assert all(len(row) and (np.diff(row) <= 0).all() for row in contents)  # longest first
    assert sorted(capacity - row.sum() for row in contents) == best_fit(lengths, capacity)
    for length in set(lengths.tolist()):  # items of one length in their order
        assert (np.diff(items[lengths[items] == length]) > 0).all()


def test_nothing_makes_no_rows():
    items, rows = pack(np.zeros(0, dtype=int), 10)
    assert (items.tolist(), rows.tolist()) == ([], [0])


def test_rows_of_short_texts_are_nearly_full():
    lengths = np.random.default_rng(0).lognormal(4, 0.7, 100_000).astype(int).clip(3, 512)
    _, rows = pack(lengths, 512)
    assert lengths.sum() / (512 * (len(rows) - 1)) > 0.999


def test_capacities_beyond_16_bits():
    items, rows = pack(np.array([40_000, 25_000, 14_000, 1]), 40_000)
    assert (items.tolist(), rows.tolist()) == ([0, 1, 2, 3], [0, 1, 4])
