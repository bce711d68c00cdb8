"""The tensors of a folder's safetensors files: one file, or shards with or without their index."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from kerasbert.checkpoints import weight_files
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import CheckpointError

EIGHT_BITS = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
"""Types that NumPy does not have, and so safetensors does not give."""
NUMPY_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    **{name: dtype.__name__ for name, dtype in EIGHT_BITS.items()},
}
"""safetensors' name of a type of floats -> NumPy's."""


def find(folder: Path) -> list[Path]:
    """The folder's safetensors: one file, the shards that an index names, or all numbered shards without an index."""
    if found := weight_files.find(folder, "model.safetensors"):
        return found
    shards = sorted(folder.glob("model-*-of-*.safetensors"))
    return _numbered(shards) if shards else []


def read(file: Path) -> Iterator[Stored]:
    """The tensors of a file, in its order."""
    for stored, shape, dtype in _header(file):
        yield Stored(stored, shape, NUMPY_NAMES.get(dtype, dtype), partial(_floats, file, stored))


def _numbered(shards: list[Path]) -> list[Path]:
    """The shards of a folder without an index, if none is missing: model-00001-of-00002.safetensors and so on."""
    total = int(shards[0].stem.rpartition("-of-")[2]) if shards[0].stem.rpartition("-of-")[2].isdecimal() else 0
    wanted = [f"model-{number:05d}-of-{total:05d}.safetensors" for number in range(1, total + 1)]
    if [shard.name for shard in shards] != wanted:
        missing = sorted({*wanted} - {shard.name for shard in shards})
        raise CheckpointError(
            f"{shards[0].parent}: no index, and the shards are not those of one model"
            f"{f' ({missing[0]} is missing)' if missing else ''}; fetch the folder again"
        )
    return shards


def _header(file: Path) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Name, shape and type of each tensor in a safetensors file."""
    weight_files.check_file(file)
    try:
        with safe_open(file, framework="numpy") as tensors:
            for stored in tensors.keys():  # noqa: SIM118 - not a dict
                tensor = tensors.get_slice(stored)
                yield stored, tuple(tensor.get_shape()), tensor.get_dtype()
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: not a whole safetensors file ({error}); fetch or save it again") from None


def _floats(file: Path, name: str) -> np.ndarray:
    with safe_open(file, framework="numpy") as tensors:
        dtype = EIGHT_BITS.get(tensors.get_slice(name).get_dtype())
        if dtype is None:
            return np.asarray(tensors.get_tensor(name))
    with file.open("rb") as stored:  # the length of the header, the header, the tensors
        length = int.from_bytes(stored.read(8), "little")
        header = json.loads(stored.read(length))[name]
        begin, end = header["data_offsets"]
        stored.seek(8 + length + begin)
        return np.frombuffer(stored.read(end - begin), dtype).reshape(header["shape"])
