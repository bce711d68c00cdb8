"""TensorFlow's checkpoint files: an index (`.index`) and shards of numbers (`.data-00000-of-00001`), in NumPy.

The index is a sorted table in blocks, as LevelDB has it; its values are protobuf messages (tensor_bundle.proto).
Numbers are read only when they are asked for. TensorFlow itself is not used: some damaged files end its process.
Source: tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/format.cc.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import ml_dtypes
import numpy as np

from kerasbert.checkpoints.crc32c import crc32c, masked
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import CheckpointError
from kerasbert.protobuf import field, fields, to_varint, varint
from kerasbert.reading import read_bytes

DTYPES = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    14: np.dtype(ml_dtypes.bfloat16),
    17: np.dtype("<u2"),
    19: np.dtype("<f2"),
    22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}
"""Number of a type in TensorFlow (types.proto) -> NumPy's. The others are strings and resources."""
STRING = 7
MOST_BYTES = 1 << 26
"""The largest index or text that is read; the index of BERT-large has 30,000 bytes."""
MOST_AXES, MOST_TENSORS, LONGEST_NAME = 8, 20_000, 1024
"""A name may begin as the one before it did, so an index of a megabyte could hold a gigabyte of names."""
_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_PLAIN, _SNAPPY = 0, 1
_HEADER = field(1, 1) + field(3, field(1, 1))
"""One shard, little endian, version 1."""


@dataclass(frozen=True)
class Entry:
    """What the index says of a tensor: its type and shape, and where its bytes are.

    Attributes:
        type: number of the type in TensorFlow.
        shape: sizes of the axes.
        shard: number of the file. begin, size: its bytes there.
        checksum: masked CRC-32C of these bytes.
        sliced: whether it is a partitioned variable, whose parts are stored apart.
    """

    type: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    begin: int = 0
    size: int = 0
    checksum: int = 0
    sliced: bool = False


def read(prefix: Path) -> Iterator[Stored]:
    """The tensors of a checkpoint, sorted by name.

    Args:
        prefix: the path without `.index`.

    Raises:
        CheckpointError: a file is missing, damaged or cut off; the message names it.
    """
    shards, entries = read_index(prefix)
    for name, entry in entries.items():
        dtype = DTYPES.get(entry.type)
        if dtype is None or entry.sliced:
            what = "partitioned variable" if entry.sliced else f"TensorFlow's number {entry.type}"
            what = "string" if entry.type == STRING else what
            yield Stored(name, entry.shape, what, partial(_refuse, prefix, name))
            continue
        file = _checked(prefix, name, entry, shards)
        if math.prod(entry.shape) * dtype.itemsize != entry.size:
            raise _damaged(_index(prefix), f"{name} of shape {entry.shape} and type {dtype} has {entry.size} bytes")
        yield Stored(name, entry.shape, dtype.name, partial(_numbers, file, name, entry, dtype))


def read_text(prefix: Path, name: str) -> bytes:
    """The bytes of a scalar of type string.

    Raises:
        CheckpointError: there is none of this name, or it is damaged.
    """
    shards, entries = read_index(prefix)
    entry = entries.get(name, Entry())
    if entry.type != STRING or entry.shape:
        raise _damaged(_index(prefix), f"{name} is no text")
    file = _checked(prefix, name, entry, shards)
    if entry.size > MOST_BYTES:
        raise _damaged(file, f"{name} is a text of {entry.size} bytes")
    content = _bytes(file, entry)
    try:
        length, at = varint(content, 0)  # then 4 bytes: a checksum of the length
    except ValueError as error:
        raise _damaged(file, f"{name}: {error}") from None
    if at + 4 + length != len(content):
        raise _damaged(file, f"{name} is a text of {length} bytes, of which {len(content) - at - 4} are there")
    return content[at + 4 :]


def read_index(prefix: Path) -> tuple[int, dict[str, Entry]]:
    """The number of shards, and what the index says of each tensor.

    Raises:
        CheckpointError: it is missing, damaged, compressed or of another machine's byte order.
    """
    index = _index(prefix)
    if index.is_file() and index.stat().st_size > MOST_BYTES:
        raise _damaged(index, f"it has {index.stat().st_size} bytes")
    data = read_bytes(index, CheckpointError)
    try:
        if len(data) < _FOOTER or int.from_bytes(data[-8:], "little") != _MAGIC:
            raise ValueError("its end is not that of one")
        content = dict(islice(_table(data), MOST_TENSORS + 1))
        if len(content) > MOST_TENSORS:
            raise ValueError(f"it names more than {MOST_TENSORS} tensors")
        header = dict(fields(content.pop(b"")))
        if header.get(2, 0):
            raise ValueError("its numbers are big-endian, of another kind of processor")
        whole = {_name(key): value for key, value in content.items() if not key.startswith(b"\0")}  # no parts of one
        return int(header.get(1, 0)), {name: _entry(value) for name, value in whole.items()}
    except KeyError:
        raise _damaged(index, "it has no header") from None
    except (ValueError, TypeError, AttributeError, struct.error) as error:
        raise _damaged(index, str(error)) from None


def write(prefix: Path, tensors: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes a checkpoint in one shard, one tensor at a time.

    Args:
        prefix: the path without `.index`.
        tensors: name and numbers, in any order.

    Raises:
        OSError: a file cannot be written, for example because the disk is full.
    """
    types = {dtype: number for number, dtype in DTYPES.items()}
    entries, begin = {"": _HEADER}, 0
    with _shard(prefix, 0, 1).open("wb") as file:
        for name, value in tensors:
            value = np.asarray(value, order="C")
            content = value.reshape(-1).view(np.uint8)
            shape = b"".join(field(2, field(1, length)) for length in value.shape)
            entries[name] = (
                field(1, types[value.dtype])
                + field(2, shape)
                + (field(4, begin) if begin else b"")
                + field(5, content.size)
                + field(6, masked(crc32c(content)), fixed32=True)
            )
            file.write(content)
            begin += content.size
    rows = sorted((name.encode(), value) for name, value in entries.items())
    with _index(prefix).open("wb") as file:
        table = _write_block(file, rows)
        meta = _write_block(file, [])
        blocks = _write_block(file, [(rows[-1][0], table)])
        file.write((meta + blocks).ljust(_FOOTER - 8, b"\0") + _MAGIC.to_bytes(8, "little"))


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a sorted table."""
    _, at = _handle(data, len(data) - _FOOTER)
    blocks, _ = _handle(data, at)
    left = len(data)
    for _, handle in _block(data, blocks):
        block, _ = _handle(handle, 0)
        left -= block[1]
        if left < 0:
            raise ValueError("its blocks lie over each other")
        yield from _block(data, block)


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Begin and size of a block, and where the two numbers end."""
    begin, at = varint(data, at)
    size, at = varint(data, at)
    return (begin, size), at


def _block(data: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block. A key begins as the one before it did, and says for how many bytes."""
    begin, size = handle
    block = data[begin : begin + size + 5]  # then the compression and a checksum
    if len(block) != size + 5 or size < 4:
        raise ValueError(f"a block of {size} bytes at byte {begin} is not whole")
    if block[size] == _SNAPPY:
        raise ValueError("it is compressed by snappy, which kerasbert does not read")
    if block[size] != _PLAIN:
        raise ValueError(f"it is compressed in a way of the number {block[size]}")
    if masked(crc32c(block[: size + 1])) != int.from_bytes(block[size + 1 :], "little"):
        raise ValueError(f"the checksum of the block at byte {begin} differs")
    restarts = int.from_bytes(block[size - 4 : size], "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise ValueError(f"a block with {restarts} restarts in {size} bytes")
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        rest, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + rest + length > end or shared + rest > LONGEST_NAME:
            raise ValueError(f"an entry of the block at byte {begin} is not whole")
        key = key[:shared] + block[at : at + rest]
        yield key, block[at + rest : at + rest + length]
        at += rest + length


def _write_block(file, rows: list[tuple[bytes, bytes]]) -> bytes:
    """Writes a block of sorted rows. Returns its handle."""
    begin, content, restarts = file.tell(), bytearray(), [0]
    for key, value in rows:
        restarts.append(len(content))
        content += b"\0" + to_varint(len(key)) + to_varint(len(value)) + key + value
    restarts = restarts[1:] or restarts
    content += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    stored = bytes(content) + bytes([_PLAIN])
    file.write(stored + masked(crc32c(stored)).to_bytes(4, "little"))
    return to_varint(begin) + to_varint(len(content))


def _name(key: bytes) -> str:
    name = key.decode()
    if not name.isprintable():
        raise ValueError(f"a tensor of the name {name!r:.80}")
    return name


def _entry(value: bytes) -> Entry:
    entry = Entry()
    for number, part in fields(value):
        match number:
            case 1 | 3 | 4 | 5 | 6 if isinstance(part, int):
                entry = replace(entry, **{_PARTS[number]: part})
            case 2:
                entry = replace(entry, shape=_shape(part))
            case 7:
                entry = replace(entry, sliced=True)
    return entry


_PARTS = {1: "type", 3: "shard", 4: "begin", 5: "size", 6: "checksum"}
"""Number of a field of BundleEntryProto -> our name."""


def _shape(message: bytes) -> tuple[int, ...]:
    axes = [axis for number, axis in fields(message) if number == 2]
    if len(axes) > MOST_AXES:
        raise ValueError(f"a tensor of {len(axes)} axes")
    return tuple(int(dict(fields(axis)).get(1, 0)) for axis in axes)


def _checked(prefix: Path, name: str, entry: Entry, shards: int) -> Path:
    """The shard of a tensor, in which all its bytes are.

    Raises:
        CheckpointError: it is missing or ends before.
    """
    if entry.shard >= shards:
        raise _damaged(_index(prefix), f"{name} is in shard {entry.shard} of {shards}")
    file = _shard(prefix, entry.shard, shards)
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file, but the index beside it names it; fetch it too")
    there = file.stat().st_size
    if entry.begin + entry.size > there:
        raise _damaged(file, f"{name} ends at byte {entry.begin + entry.size}, the file at {there}")
    return file


def _bytes(file: Path, entry: Entry) -> bytes:
    with file.open("rb") as stream:
        stream.seek(entry.begin)
        return stream.read(entry.size)


def _numbers(file: Path, name: str, entry: Entry, dtype: np.dtype) -> np.ndarray:
    """Raises CheckpointError: the checksum differs."""
    value = np.fromfile(file, dtype, math.prod(entry.shape), offset=entry.begin)
    if value.nbytes != entry.size or masked(crc32c(value.view(np.uint8))) != entry.checksum:
        raise _damaged(file, f"the checksum of {name} differs")
    return value.reshape(entry.shape)


def _refuse(prefix: Path, name: str) -> np.ndarray:
    raise CheckpointError(f"{_index(prefix)}: {name} holds no numbers that kerasbert reads; save it as a whole tensor")


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _shard(prefix: Path, number: int, count: int) -> Path:
    return prefix.with_name(f"{prefix.name}.data-{number:05d}-of-{count:05d}")


def _damaged(file: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{file}: not a whole checkpoint of TensorFlow ({reason}); fetch or save it again")
