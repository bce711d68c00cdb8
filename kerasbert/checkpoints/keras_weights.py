"""The tensors of Keras's files of weights, `*.weights.h5`: one file, or shards with an index."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np

from kerasbert.checkpoints.safetensors_files import shards_of
from kerasbert.checkpoints.stored import Stored
from kerasbert.errors import CheckpointError

DAMAGE = (OSError, RuntimeError, KeyError, ValueError)
"""What h5py raises for a file that is not whole."""


def find(folder: Path, name: str, index: str | None = None) -> list[Path]:
    """The file of this name in a folder, or the shards that the index names; none if neither is there."""
    if (folder / name).exists():
        return [folder / name]
    return shards_of(folder / index) if index and (folder / index).exists() else []


def read(file: Path) -> Iterator[Stored]:
    """The tensors of a file under the names that Keras gave them, such as `layers/dense/vars/0`.

    Links to other files are not followed, and a dataset that is kept in another file is refused.

    Raises:
        CheckpointError: not a whole file of HDF5.
    """
    if not file.is_file():
        said = "is not a regular file" if file.exists() else "no such file, but the folder's index names it"
        raise CheckpointError(f"{file}: {said}; fetch the folder again")
    try:
        with h5py.File(file, "r") as content:
            datasets = []
            content.visititems(lambda name, each: datasets.append(each) if isinstance(each, h5py.Dataset) else None)
            stored = [_stored(file, each) for each in datasets]
    except DAMAGE as error:
        raise CheckpointError(f"{file}: not a whole file of HDF5 ({error}); fetch or save it again") from None
    yield from stored


def _stored(file: Path, dataset: h5py.Dataset) -> Stored:
    name = dataset.name.strip("/")
    size = dataset.size or 0
    if dataset.shape is None or dataset.is_virtual or dataset.external or dataset.compression:
        raise CheckpointError(f"{file}: {name} is not stored as Keras stores weights; save the model again with Keras")
    if dataset.id.get_storage_size() < size * dataset.dtype.itemsize:
        raise CheckpointError(f"{file}: {name} of shape {dataset.shape} has no numbers; fetch or save it again")
    # NumPy has no bfloat16: Keras stores two bytes of no type, and an attribute says what they are.
    halves = dataset.dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16"
    return Stored(name, dataset.shape, "bfloat16" if halves else dataset.dtype.name, partial(_numbers, file, name))


def _numbers(file: Path, name: str) -> np.ndarray:
    try:
        with h5py.File(file, "r") as content:
            value = content[name][()]
    except DAMAGE as error:
        raise CheckpointError(f"{file}: {name} cannot be read ({error}); fetch or save it again") from None
    return value.view(ml_dtypes.bfloat16) if value.dtype.kind == "V" else value


def write(file: Path, tensors: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes tensors one at a time.

    Raises:
        CheckpointError: the file could not be written.
    """
    try:
        with h5py.File(file, "w") as content:
            for name, value in tensors:
                content.create_dataset(name, data=value)
    except OSError as error:
        raise CheckpointError(f"{file}: writing failed ({error}); make room on the disk") from None
