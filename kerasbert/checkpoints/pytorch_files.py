"""Weights of torch: `pytorch_model.bin`, or shards with their index. Read without torch, and without running code.

Since torch 1.6 such a file is a zip with a pickle (`data.pkl`) and an uncompressed entry for each storage; before, it
was five pickles with the storages behind them. `pickle_reader.py` reads the pickles. Numbers stay in the file until
they are asked for. Source: torch/serialization.py, torch/_utils.py.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np

from kerasbert.checkpoints import weight_files
from kerasbert.checkpoints.pickle_reader import MOST_BYTES, Reader, Refused
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import CheckpointError

NAME = "pytorch_model.bin"
STORAGES = {
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
}
MOST_AXES = 8
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What a file of torch before 1.6 begins with."""
_ENTRY, _LOCAL = b"PK\3\4", 30
"""How an entry of a zip begins, and the bytes before its name."""
_WAY = (
    "if you trust the file, let torch run it and save its tensors: "
    'python -c "import torch, safetensors.torch as s; '
    "s.save_file({{k: v.clone().contiguous() for k, v in "
    "torch.load('{file}', map_location='cpu', weights_only=False).items() if torch.is_tensor(v)}}, "
    "'{target}', {{'format': 'pt'}})\""
)
"""torch refuses such a file too unless `weights_only` is false."""


@dataclass(frozen=True)
class Storage:
    """Numbers of one type that tensors have parts of."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Part:
    """A tensor: where it begins in its storage, and how far apart its numbers are, in numbers."""

    storage: Storage
    begin: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(file: Path) -> Iterator[Stored]:
    """The tensors of a file, in its order.

    Raises:
        CheckpointError: it is damaged or cut off, holds something else than tensors, or names code.
    """
    weight_files.check_file(file)
    try:
        places, found = _zipped(file) if _is_zip(file) else _before_zip(file)
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, not a dict of tensors")
        for name, part in found.items():
            if not isinstance(part, Part):
                raise CheckpointError(
                    f"{file}: its entry {name!r:.80} is a {type(part).__name__}, not a tensor; {_way(file)}"
                )
            place = places[part.storage.key]
            yield Stored(name, part.shape, part.storage.dtype.name, partial(_numbers, file, name, part, place))
    except Refused as refused:
        raise CheckpointError(
            f"{file}: its pickle holds {refused}, which no weights need and kerasbert does not run; {_way(file)}"
        ) from None
    except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise CheckpointError(
            f"{file}: not a whole file of torch ({' '.join(str(error).split()):.200}); fetch or save it again"
        ) from None


def _way(file: Path) -> str:
    return _WAY.format(file=file, target=file.with_name("model.safetensors"))


@dataclass(frozen=True)
class Place:
    """Where a storage begins in its file, and the CRC-32 of its bytes; None where the file has none."""

    begin: int
    checksum: int | None = None


def _is_zip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == _ENTRY


def _zipped(file: Path) -> tuple[dict[str, Place], object]:
    """Where each storage is, and what the pickle makes."""
    size = file.stat().st_size
    with zipfile.ZipFile(file) as archive, file.open("rb") as stream:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        for name, entry in entries.items():
            if (
                entry.compress_type != zipfile.ZIP_STORED
                or entry.file_size != entry.compress_size
                or entry.flag_bits & 1
            ):
                raise ValueError(f"its entry {name[:80]!r} is compressed or encrypted, which torch does not do")
        if "data.pkl" not in entries:
            raise ValueError("a zip without data.pkl")
        if "byteorder" in entries and _content(stream, entries["byteorder"], size) != b"little":
            raise ValueError("its numbers are big-endian, of another kind of processor")
        storages = {name[5:]: entry for name, entry in entries.items() if name.startswith("data/")}
        lengths = {key: entry.file_size for key, entry in storages.items()}
        found = _reader(lengths).read(io.BytesIO(_content(stream, entries["data.pkl"], size)))
        return {key: Place(_begin(stream, entry, size), entry.CRC) for key, entry in storages.items()}, found


def _begin(stream: io.BufferedReader, entry: zipfile.ZipInfo, size: int) -> int:
    """Where the content of an uncompressed entry begins."""
    stream.seek(entry.header_offset)
    header = stream.read(_LOCAL)
    if header[:4] != _ENTRY or len(header) < _LOCAL:
        raise ValueError(f"its entry {entry.filename[:80]!r} is not where the zip says")
    begin = (
        entry.header_offset + _LOCAL + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
    )
    if begin + entry.file_size > size:
        raise ValueError(f"its entry {entry.filename[:80]!r} ends behind the file")
    return begin


def _content(stream: io.BufferedReader, entry: zipfile.ZipInfo, size: int) -> bytes:
    if entry.file_size > MOST_BYTES:
        raise ValueError(f"its entry {entry.filename[:80]!r} has {entry.file_size} bytes")
    stream.seek(_begin(stream, entry, size))
    return stream.read(entry.file_size)


def _before_zip(file: Path) -> tuple[dict[str, Place], object]:
    """As `_zipped`, for a file of torch before 1.6."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        pickles = io.BytesIO(stream.read(MOST_BYTES))
        reader = _reader(None)
        if reader.read(pickles) != _MAGIC or reader.read(pickles) != _PROTOCOL:
            raise ValueError("it does not begin as one")
        about = reader.read(pickles)
        if not isinstance(about, dict) or about.get("little_endian") is not True:
            raise ValueError("its numbers are big-endian, of another kind of processor")
        storages: dict[str, Storage] = {}
        found = _reader(None, storages).read(pickles)
        keys, places = reader.read(pickles), {}
        if not isinstance(keys, list):
            raise ValueError("its list of storages is missing")
        at = pickles.tell()
        for key in keys:
            storage = storages.get(key) if isinstance(key, str) else None
            stream.seek(at)
            if storage is None or key in places or int.from_bytes(stream.read(8), "little") != storage.count:
                raise ValueError("its list of storages is not that of its tensors")
            places[key] = Place(at + 8)
            at += 8 + storage.count * storage.dtype.itemsize
        if at > size or places.keys() != storages.keys():
            raise ValueError(f"its storages need {at} bytes, and it has {size}")
        return places, found


def _reader(lengths: Mapping[str, int] | None, storages: dict[str, Storage] | None = None) -> Reader:
    """The reader of a pickle.

    Args:
        lengths: key of a storage -> its bytes, where the file tells them beside the pickle.
        storages: takes the storages that the pickle names.
    """

    def persistent(identity) -> Storage:
        storage = _storage(identity)
        if lengths is not None and lengths.get(storage.key) != storage.count * storage.dtype.itemsize:
            raise ValueError(f"its storage {storage.key:.20} has {lengths.get(storage.key, 0)} bytes")
        if storages is not None and storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"its storage {storage.key:.20} is of two types")
        return storage

    return Reader(_CALLS, STORAGES, persistent)


def _storage(identity) -> Storage:
    """The storage of a persistent id: ("storage", type, key, device, count), before 1.6 with a view behind."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        raise Refused("a reference to something else than a storage")
    kind, key, _, count, *view = identity[1:]
    if not isinstance(key, str) or not _is_count(count) or view not in ([], [None]):
        raise ValueError("a storage without a key or a size, or a view of one")
    return Storage(key, STORAGES[kind.text], count)


def _tensor(storage, begin, shape, strides, *_) -> Part:
    """torch._utils._rebuild_tensor_v2."""
    numbers = (begin, *shape, *strides)
    if not isinstance(storage, Storage) or not all(map(_is_count, numbers)) or len(shape) != len(strides):
        raise ValueError("a tensor without a storage or a shape")
    if len(shape) > MOST_AXES:
        raise ValueError(f"a tensor of {len(shape)} axes")
    last = begin + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if (math.prod(shape) and last >= storage.count) or math.prod(shape) > storage.count:
        raise ValueError(f"a tensor of shape {shape} reaches behind its storage of {storage.count}")
    return Part(storage, begin, shape, strides)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


def _parameter(data, *_) -> Part:
    """torch._utils._rebuild_parameter."""
    if not isinstance(data, Part):
        raise ValueError("a parameter without a tensor")
    return data


def _ordered(pairs=()) -> dict:
    """collections.OrderedDict. Python 2 gives it a list of lists of a key and a value."""
    if not isinstance(pairs, list | tuple) or not all(isinstance(each, list) and len(each) == 2 for each in pairs):
        raise ValueError("an OrderedDict of something else than pairs")
    if not all(isinstance(key, str) for key, _ in pairs):
        raise Refused("an OrderedDict whose keys are no texts")
    return dict(pairs)


_CALLS: Mapping[str, Callable] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}


def _numbers(file: Path, name: str, part: Part, place: Place) -> np.ndarray:
    """Raises CheckpointError: the checksum differs."""
    dtype, count = part.storage.dtype, part.storage.count
    numbers = np.memmap(file, dtype, "r", place.begin, (count,)) if count else np.zeros(0, dtype)
    # A storage that tensors share is not read again and again.
    whole = place.checksum is not None and math.prod(part.shape) == count
    if whole and zlib.crc32(numbers.view(np.uint8)) != place.checksum:
        raise CheckpointError(f"{file}: the checksum of {name} differs; fetch or save it again")
    strides = [stride * dtype.itemsize for stride in part.strides]
    return np.lib.stride_tricks.as_strided(numbers[part.begin :], part.shape, strides, writeable=False)
