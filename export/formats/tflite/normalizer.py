"""Any table of characters as a model of tensorflow-text's operation FastBertNormalize, which a `.tflite` file can hold.

The operation replaces each character of a text by a string. tensorflow-text makes models of its own table only, but
the format holds any: a double-array trie from the UTF-8 of a character to a place in a pool of strings.

Source: tensorflow-text, fast_bert_normalizer.h, fast_bert_normalizer_model.fbs and darts_clone_trie_wrapper.h.
"""

from collections.abc import Sequence

import flatbuffers
import numpy as np

_CHANGED = 1 << 30  # a value of the trie: this flag, the place of the string in the pool, and its length in 6 bits
_LENGTH_BITS = 6
_VALUE = 1 << 31  # a unit of the trie with this flag is a value; the others are nodes
_HAS_VALUE = 1 << 8  # a node: the distance to its children, this flag, and the byte that leads to it
_DISTANCE_BIT = 10
_BRANCHES = 64  # children of a byte of UTF-8 that others follow
_FIRST = 0x80  # the smallest of these other bytes


def normalizer_model(strings: Sequence[bytes], choice: np.ndarray) -> bytes:
    """A model of FastBertNormalize.

    Args:
        strings: UTF-8 of at most 63 bytes each.
        choice: for each code point the number of its string, int `(1114112,)`.
    """
    starts = np.cumsum([0, *map(len, strings)])[:-1]
    values = np.array([_CHANGED | int(s) << _LENGTH_BITS | len(t) for s, t in zip(starts, strings, strict=True)])
    builder = flatbuffers.Builder(0)
    pool = builder.CreateNumpyVector(np.frombuffer(b"".join(strings), np.uint8))
    trie = builder.CreateNumpyVector(_trie(values, choice).astype(np.uint32))
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, trie, 0)
    builder.PrependInt32Slot(2, int(values[choice[0]]), 0)  # U+0000, which the trie cannot hold
    builder.PrependUOffsetTRelativeSlot(3, pool, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _trie(values: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """The units of the trie, int64.

    A node's children stand at (place of the node) XOR (distance) XOR (byte that leads to the child). The first 256
    places belong to the root; then come groups of 64 children, of which equal ones are stored once; then the values.
    """
    leaves, leaf = _distinct(choice)  # by the last byte
    middles, middle = _distinct(leaf)  # by the one before it
    first = np.pad(middle, (0, -len(middle) % _BRANCHES)).reshape(-1, _BRANCHES)  # by the second of four
    at_first = 256
    at_middle = at_first + first.size
    at_leaf = at_middle + middles.size
    at_value = at_leaf + leaves.size
    units = np.zeros(-(-(at_value + len(values)) // 256) * 256, np.int64)

    def point(places, labels, targets, flags=0):
        units[places] = (places ^ targets) << _DISTANCE_BIT | flags | labels

    def group(start, numbers):
        return (start + _BRANCHES * numbers) ^ _FIRST

    labels = _FIRST + np.arange(_BRANCHES)
    ascii, two, three, four = np.arange(1, 0x80), np.arange(0x20), np.arange(0x10), np.arange(len(first))
    units[0] = 0  # the root's children stand at their bytes
    point(ascii, ascii, at_value + choice[ascii], _HAS_VALUE)
    point(0xC0 + two, 0xC0 + two, group(at_leaf, leaf[two]))
    point(0xE0 + three, 0xE0 + three, group(at_middle, middle[three]))
    point(0xF0 + four, 0xF0 + four, group(at_first, four))
    for start, groups, target in ((at_first, first, at_middle), (at_middle, middles, at_leaf)):
        places = start + np.arange(groups.size)
        point(places, np.tile(labels, len(groups)), group(target, groups.ravel()))
    places = at_leaf + np.arange(leaves.size)
    point(places, np.tile(labels, len(leaves)), at_value + leaves.ravel(), _HAS_VALUE)
    units[at_value : at_value + len(values)] = values | _VALUE
    return units


def _distinct(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct groups of `_BRANCHES` numbers, and for each group the number of the equal one among them."""
    found = {}
    groups = numbers.reshape(-1, _BRANCHES)
    which = np.array([found.setdefault(group.tobytes(), len(found)) for group in groups])
    return np.frombuffer(b"".join(found), numbers.dtype).reshape(-1, _BRANCHES), which
