"""CRC-32C, the checksum of TensorFlow's files, in NumPy.

A checksum is linear: each of its bits can be moved on by n bytes alone, and the results are joined by exclusive or.
So a long text is read as rows of words: all columns move on by one row at once, and are joined two by two at the end.
"""

from functools import cache, lru_cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_WORDS = 1 << 14
"""The most words in a row; 64 KB stay in the processor's cache."""


def crc32c(data) -> int:
    """The checksum of bytes, or of a contiguous array of them."""
    data = np.frombuffer(data, np.uint8)
    words = -(-data.size // 4)
    columns = min(_WORDS, 1 << max(words - 1, 0).bit_length())
    first = data.size % (4 * columns)
    state = np.zeros(4 * columns, np.uint8)
    state[4 * columns - first :] = data[:first]  # zeros before a text change nothing
    state = state.view("<u4")
    table = _table(4 * columns)
    for row in data[first:].view("<u4").reshape(-1, columns):
        state = _moved(table, state)
        state ^= row
    while len(state) > 1:
        half = len(state) // 2
        state = _moved(_table(4 * half), state[:half]) ^ state[half:]
    begin = _power(data.size)  # what the ones that a checksum begins with become
    return int(_moved(_table(4), state)[0]) ^ _apply(begin, 0xFFFFFFFF) ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """The form in which TensorFlow stores a checksum."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _moved(table: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Each number of `state`, uint32, moved on as `table` says."""
    return table[0][state & 0xFFFF] ^ table[1][state >> 16]


@cache
def _table(count: int) -> np.ndarray:
    """What the lower and the upper half of a number become after `count` bytes, uint32 (2, 65536)."""
    halves = []
    images = _power(count)
    for columns in (images[:16], images[16:]):
        values = np.zeros(1, np.uint32)
        for column in columns:
            values = np.concatenate([values, values ^ np.uint32(column)])
        halves.append(values)
    return np.stack(halves)


@lru_cache(256)
def _power(count: int) -> list[int]:
    """What each of the 32 bits becomes after `count` bytes of zeros."""
    result, step = [1 << bit for bit in range(32)], _one_byte()
    while count:
        if count & 1:
            result = [_apply(step, image) for image in result]
        step = [_apply(step, image) for image in step]
        count >>= 1
    return result


def _one_byte() -> list[int]:
    images = [1 << bit for bit in range(32)]
    for _ in range(8):
        images = [image >> 1 ^ (_POLYNOMIAL if image & 1 else 0) for image in images]
    return images


def _apply(images: list[int], value: int) -> int:
    result = 0
    for bit in range(32):
        if value >> bit & 1:
            result ^= images[bit]
    return result
