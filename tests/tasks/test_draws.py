"""Numbers without state: the same for one and for many, even, and permutations that are permutations."""

import numpy as np
import pytest

from kerasbert.tasks.draws import key_of, keys_of, permute, uniform, uniforms


def test_splitmix64_as_published():
    """The first outputs for the seed 1234567, as in the reference implementation's test vector."""
    step, numbers = 0x9E3779B97F4A7C15, [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for place, number in enumerate(numbers, 1):
        assert uniform(1234567 + 0, place) == (number >> 11) * 2.0**-53
        assert key_of(1234567 + (place - 1) * step) == number


def test_arrays_are_what_single_calls_are():
    keys = np.array([key_of(seed) for seed in (0, 1, -1, 2**63, 2**70 + 3)], dtype="uint64")
    positions = np.array([0, 1, 7, 2**40])
    singles = [[uniform(int(key), int(position)) for position in positions] for key in keys]
    assert uniforms(keys[:, None], positions[None, :]).tolist() == singles
    assert keys_of(key_of(3, 4), positions).tolist() == [key_of(3, 4, int(p)) for p in positions]


def test_keys_differ_by_each_number_and_by_their_order():
    keys = {key_of(*numbers) for numbers in np.ndindex(10, 10, 10)} | {
        key_of(a, b) for a in range(10) for b in range(10)
    }
    assert len(keys) == 1100


def test_numbers_are_even_and_independent_of_each_other():
    draws = uniforms(keys_of(key_of(5), np.arange(1000))[:, None], np.arange(100)[None, :])
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    assert ((counts - 5000) ** 2 / 5000).sum() < 45  # chi-square, 19 degrees of freedom, p = 0.0007
    assert abs(np.corrcoef(draws[:, :-1].ravel(), draws[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 100, 1000, 65_537])
def test_a_permutation_has_every_place_once(size):
    order = permute(np.arange(size), size, key_of(1))
    assert sorted(order.tolist()) == list(range(size))
    assert (
        order.tolist()
        == [int(permute(np.array([p]), size, key_of(1))[0]) for p in range(min(size, 50))] + order[50:].tolist()
    )


def test_permutations_are_random():
    orders = np.array([permute(np.arange(5), 5, key_of(9, key)) for key in range(6000)])
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 120
    assert ((counts - 50) ** 2 / 50).sum() < 180  # 119 degrees of freedom, p = 0.0003
    large = permute(np.arange(10_000), 10_000, 3)
    assert abs(np.corrcoef(np.arange(10_000), large)[0, 1]) < 0.03
    assert (np.diff(large) == 1).sum() < 10
