"""The tensors of Keras's files of weights, `*.weights.h5`: one file, or shards with an index."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np

from kerasbert.checkpoints.h5_files import DAMAGE, check_plain, damaged, datasets
from kerasbert.checkpoints.stored import Stored
from kerasbert.checkpoints.weight_files import check_file
from kerasbert.errors import CheckpointError


def read(file: Path) -> Iterator[Stored]:
    """The tensors of a file under the names that Keras gave them, such as `layers/dense/vars/0`.

    Raises:
        CheckpointError: it is not whole, refers to other files, or is compressed.
    """
    check_file(file)
    try:
        with h5py.File(file, "r") as opened:
            for name, dataset in datasets(file, opened):
                check_plain(file, name, dataset)
                # NumPy has no bfloat16: Keras stores two bytes of no type, and an attribute says what they are.
                halves = dataset.dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16"
                dtype = "bfloat16" if halves else dataset.dtype.name
                yield Stored(name, dataset.shape, dtype, partial(_numbers, file, name))
    except DAMAGE as error:
        raise damaged(file, error) from None


def _numbers(file: Path, name: str) -> np.ndarray:
    try:
        with h5py.File(file, "r") as opened:
            value = opened[name][()]
    except DAMAGE as error:
        raise damaged(file, error) from None
    return value.view(ml_dtypes.bfloat16) if value.dtype.kind == "V" else value


def write(file: Path, tensors: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes tensors one at a time.

    Raises:
        CheckpointError: the file could not be written.
    """
    try:
        with h5py.File(file, "w") as opened:
            for name, value in tensors:
                opened.create_dataset(name, data=value)
    except OSError as error:
        raise CheckpointError(f"{file}: writing failed ({error}); make room on the disk") from None
