"""The weights of transformers' TensorFlow classes: `tf_model.h5`, or shards with their index.

Keras writes a group for each layer of a model; the path of a dataset in it is the variable's name. transformers has
released such files until its version 4.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from kerasbert.checkpoints import weight_files
from kerasbert.checkpoints.stored import AS_IT_IS, TRANSPOSED, Stored
from kerasbert.errors import CheckpointError

NAME = "tf_model.h5"
MOST_DATASETS, MOST_LEVELS = 10_000, 20
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError)
"""What h5py raises for a file that is not whole."""
_END = ":0"
"""How the name of a variable of TensorFlow ends."""
_LEAVES = {"kernel": "weight", "gamma": "weight", "beta": "bias", "embeddings": "weight"}


def read(file: Path) -> Iterator[Stored]:
    """The tensors of a file.

    Raises:
        CheckpointError: it is not whole, refers to other files, or is compressed.
    """
    weight_files.check_file(file)
    try:
        with h5py.File(file, "r") as opened:
            found = {}
            for path, dataset in datasets(file, opened):
                check_plain(file, path, dataset)
                found.setdefault(rename(path), []).append((path, dataset))
            for (path, dataset), *copies in found.values():
                change = TRANSPOSED if _leaf(path) == "kernel" else AS_IT_IS
                load = partial(_numbers, file, path, [copy for copy, _ in copies])
                yield Stored(path, dataset.shape, dataset.dtype.name, load, change)
    except DAMAGE as error:
        raise damaged(file, error) from None


def rename(path: str) -> str:
    """transformers' name of the tensor that a dataset's path means; the path itself if no class wrote it.

    The path begins with the layer and the class: `bert/tf_bert_model/bert/encoder/layer_._0/...`. A layer
    `mlm___cls` is the attribute `mlm` that is called `cls`, and `layer_._0` the layer `0` in a list.
    """
    if not path.endswith(_END):
        return path
    parts = re.sub(r"/[^/]*___", "/", path).replace("_._", "/").split("/")
    return ".".join([*parts[2:-1], _LEAVES.get(_leaf(path), _leaf(path))]) if len(parts) > 2 else path


def _leaf(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(_END)


def datasets(file: Path, opened: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Path and dataset. Links may make circles, so there are limits."""
    groups, found = [("", opened)], 0
    while groups:
        begin, group = groups.pop()
        for name in group:
            path = f"{begin}{name}"
            found += 1
            if found > MOST_DATASETS or path.count("/") > MOST_LEVELS or not path.isprintable():
                raise damaged(file, f"more than {MOST_DATASETS} parts or {MOST_LEVELS} levels, or a name of no letters")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise CheckpointError(
                    f"{file}: {path} is a link to another place, which is not followed; save it whole"
                )
            part = group[name]
            if isinstance(part, h5py.Dataset):
                yield path, part
            else:
                groups.append((f"{path}/", part))


def check_plain(file: Path, path: str, dataset: h5py.Dataset) -> None:
    """Raises CheckpointError: the numbers are not in the file one after the other, as Keras writes them."""
    size = dataset.id.get_storage_size()
    if dataset.external or dataset.is_virtual:
        raise CheckpointError(f"{file}: {path} has its numbers in another file, which is not opened; save it whole")
    if dataset.id.get_create_plist().get_nfilters():
        raise CheckpointError(f"{file}: {path} is compressed, which Keras does not do; save it without a filter")
    if dataset.shape is None or not dataset.size * dataset.dtype.itemsize <= size <= file.stat().st_size:
        raise damaged(file, f"{path} of shape {dataset.shape} has {size} bytes")


def _numbers(file: Path, path: str, copies: list[str]) -> np.ndarray:
    """The numbers of a dataset. Layers that share a variable, such as the word table, have a copy of it each."""
    try:
        with h5py.File(file, "r") as opened:
            value = opened[path][()]
            for copy in copies:
                if not np.array_equal(value, opened[copy][()]):
                    raise CheckpointError(f"{file}: {copy} differs from {path}, but the two are one weight")
            return value
    except DAMAGE as error:
        raise damaged(file, error) from None


def damaged(file: Path, reason: object) -> CheckpointError:
    said = " ".join(str(reason).split())
    return CheckpointError(f"{file}: not a whole file of weights in HDF5 ({said:.200}); fetch or save it again")
