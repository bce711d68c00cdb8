"""Random numbers without state: each is a function of its key, so that order, workers and restarts change nothing."""

import numpy as np

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def key_of(*numbers: int) -> int:
    """One 64-bit key for a tuple of whole numbers, such as (seed, slice, document)."""
    key = 0
    for number in numbers:
        key = _mix((key ^ (number & _MASK)) + _STEP & _MASK)
    return key


def uniform(key: int, position: int) -> float:
    """A number in [0, 1) for a position under a key."""
    return (_mix(key + position * _STEP & _MASK) >> 11) * 2.0**-53


def uniforms(keys: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """`uniform` for arrays of keys (uint64) and positions (int), broadcast together; float64."""
    with np.errstate(over="ignore"):  # 64-bit arithmetic wraps around on purpose
        mixed = _mix_array(keys + positions.astype("uint64") * np.uint64(_STEP))
    return (mixed >> np.uint64(11)).astype("float64") * 2.0**-53


def keys_of(key: int, numbers: np.ndarray) -> np.ndarray:
    """`key_of(*key's numbers, number)` for each of `numbers`; uint64."""
    with np.errstate(over="ignore"):
        return _mix_array((np.uint64(key) ^ numbers.astype("uint64")) + np.uint64(_STEP))


def permute(positions: np.ndarray, size: int, key: int) -> np.ndarray:
    """The places of `positions` in a random order of `range(size)`: a permutation that is never written down.

    A Feistel network over the next even power of two, walked until it falls inside (Black and Rogaway 2002).
    """
    half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
    low = np.uint64((1 << half) - 1)
    rounds = [np.uint64(key_of(key, number)) for number in range(8)]  # with 4, small sizes come out uneven
    values = np.asarray(positions, dtype="uint64").copy()
    outside = np.ones(values.shape, dtype=bool)
    while outside.any():
        left, right = values[outside] >> np.uint64(half), values[outside] & low
        with np.errstate(over="ignore"):
            for round_key in rounds:
                left, right = right, left ^ (_mix_array(right + round_key) & low)
        values[outside] = left << np.uint64(half) | right
        outside = values >= size
    return values.astype("int64")


def _mix(value: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    value = (value ^ value >> 30) * _MULTIPLIERS[0] & _MASK
    value = (value ^ value >> 27) * _MULTIPLIERS[1] & _MASK
    return value ^ value >> 31


def _mix_array(value: np.ndarray) -> np.ndarray:
    value = (value ^ value >> np.uint64(30)) * np.uint64(_MULTIPLIERS[0])
    value = (value ^ value >> np.uint64(27)) * np.uint64(_MULTIPLIERS[1])
    return value ^ value >> np.uint64(31)
