"""Reads and writes pre-training rows as NumPy arrays. Their files are TFRecord shards of tf.train.Example.

A row holds one instance, or several packed ones. Its features are lists of int64:

| feature | content |
|---|---|
| `input_ids` | the tokens, including special ones, neither masked nor padded |
| `lengths` | number of tokens of each instance in the row |
| `first_lengths` | number of these in the first segment (token type 0), for each instance |
| `nsp_label` | label of each instance, in the modes mlm-nsp and mlm-sop |
| `word_starts` | 1 where a token begins a word; present if a word segmenter was used |

Examples are encoded here and not by protobuf, because protobuf's lists of integers take longer to build than the text
takes to tokenise.
"""

import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbert.errors import DataError
from kerasbert.protobuf import to_varint

Column = tuple[np.ndarray, np.ndarray]
"""The values of all rows in one array, and the index where each row begins, (rows + 1,)."""
FRAME = 12
"""Number of bytes before a record's content in a TFRecord file: its length and a checksum. 4 more bytes follow it."""


def encode(columns: Mapping[str, Column]) -> list[bytes]:
    """Serialises each row as a tf.train.Example.

    Args:
        columns: feature -> its values, from 0 to 2^28 - 1. A feature without values in a row is left out of that row.

    Returns:
        The bytes of one tf.train.Example per row.
    """
    parts = {name: _varints(*column) for name, column in columns.items()}
    rows = len(next(iter(columns.values()))[1]) - 1
    heads = {name: b"\n" + to_varint(len(name)) + name.encode() + b"\x12" for name in columns}
    examples = []
    for row in range(rows):
        features = []
        for name, (content, bounds) in parts.items():
            values = content[bounds[row] : bounds[row + 1]]
            if values:
                packed = b"\n" + to_varint(len(values)) + values  # Int64List.value
                feature = b"\x1a" + to_varint(len(packed)) + packed  # Feature.int64_list
                entry = heads[name] + to_varint(len(feature)) + feature
                features += [b"\n", to_varint(len(entry)), entry]  # Features.feature
        content = b"".join(features)
        examples.append(b"\n" + to_varint(len(content)) + content)  # Example.features
    return examples


def decode(examples: Sequence[bytes]) -> dict[str, Column]:
    """Reads the int64 features of serialised rows, the inverse of `encode`. Features of other types are ignored.

    Raises:
        DataError: a row is not a complete tf.train.Example of packed integers.
    """
    found: dict[str, list[tuple[int, bytes]]] = {}
    for row, example in enumerate(examples):
        for name, values in _features(example):
            found.setdefault(name, []).append((row, values))
    columns = {}
    for name, pieces in found.items():
        content = np.frombuffer(b"".join(values for _, values in pieces), dtype=np.uint8)
        last = content < 128
        values_before = np.concatenate([[0], np.cumsum(last)])
        bounds = np.cumsum([0, *(len(values) for _, values in pieces)])
        counts = np.zeros(len(examples), dtype=np.int64)
        counts[[row for row, _ in pieces]] = np.diff(values_before[bounds])
        columns[name] = (_from_varints(content, last), np.concatenate([[0], np.cumsum(counts)]))
    return columns


def write_records(path: Path, examples: Sequence[bytes]) -> np.ndarray:
    """Writes a TFRecord file.

    Returns:
        int64 (records, 2): the byte positions where each record's content begins and ends.

    Raises:
        OSError: the file cannot be written, for example because the disk is full.
    """
    import tensorflow as tf  # here, because reading does not need TensorFlow

    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in examples:
                writer.write(example)
    except tf.errors.OpError as error:
        raise OSError(error.message) from None
    sizes = np.fromiter(map(len, examples), dtype=np.int64, count=len(examples))
    begins = np.cumsum(sizes + FRAME + 4) - sizes - 4
    return np.stack([begins, begins + sizes], axis=1)


def scan_records(path: Path) -> np.ndarray:
    """Finds the records of a TFRecord file. Returns the same array as `write_records`.

    Raises:
        DataError: the file ends within a record.
    """
    size, place, places = path.stat().st_size, 0, []
    with open(path, "rb") as stream:
        while place < size:
            stream.seek(place)
            head = stream.read(8)
            begin = place + FRAME
            end = begin + int.from_bytes(head, "little")
            if len(head) < 8 or end + 4 > size:
                raise DataError(f"{path}: ends within a record at byte {place}; copy or prepare it again")
            places.append((begin, end))
            place = end + 4
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def open_content(path: Path) -> mmap.mmap:
    """Maps a file into memory, read-only. Its bytes are read when they are accessed."""
    with open(path, "rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _varints(values: np.ndarray, splits: np.ndarray) -> tuple[bytes, list[int]]:
    """Encodes protobuf's varints (low seven bits first), and returns also the byte positions where rows begin."""
    values = np.asarray(values, dtype=np.uint32)
    columns = np.empty((len(values), 4), dtype=np.uint8)
    rest = values
    for place in range(4):
        more = rest >= 128
        columns[:, place] = (rest & 127) | (more.astype(np.uint32) << 7)
        rest = rest >> 7
    widths = np.uint8(1) + (values >= 1 << 7) + (values >= 1 << 14) + (values >= 1 << 21)
    content = columns[np.arange(4, dtype=np.uint8) < widths[:, None]].tobytes()
    return content, np.concatenate([[0], np.cumsum(widths, dtype=np.int64)])[splits].tolist()


def _from_varints(content: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Decodes varints to int64; `last` marks the last byte of each."""
    if not len(content):
        return np.zeros(0, dtype=np.int64)
    begins = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    widths = np.diff(np.append(begins, len(content)))
    shifts = 7 * (np.arange(len(content)) - np.repeat(begins, widths))
    return np.add.reduceat((content & 127).astype(np.int64) << shifts, begins)


def _features(example: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields (name, packed values) for the int64 features of a serialised tf.train.Example."""
    for _, features in _fields(example):
        for _, entry in _fields(features):
            parts = dict(_fields(entry))
            for kind, feature in _fields(parts.get(2, b"")):
                if kind == 3:
                    yield parts[1].decode(), b"".join(values for _, values in _fields(feature))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (number, content) for a message's fields; in an Example of packed integers all are length-delimited."""
    place = 0
    while place < len(message):
        tag, place = message[place], place + 1
        size = shift = 0
        more = tag & 7 == 2
        while more and place < len(message):
            size |= (message[place] & 127) << shift
            more, place, shift = message[place] >= 128, place + 1, shift + 7
        if tag & 7 != 2 or more or place + size > len(message):
            raise DataError("a record is not a complete tf.train.Example of packed integers; prepare the data again")
        yield tag >> 3, message[place : place + size]
        place += size
