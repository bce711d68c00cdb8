"""Good folders of every format, and the ways to damage them; `hostile_cases.py` has the table."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from checkpoints import h5_classes, head_classes, tf_files
from checkpoints.hostile_pickles import torch_file, torch_zip
from safetensors.numpy import load_file, save_file

from kerasbert.checkpoints import tf_bundle
from kerasbert.checkpoints.crc32c import crc32c, masked
from kerasbert.protobuf import field, to_varint

QUERY = "encoder.layer.0.attention.self.query.weight"
KERNEL = "bert/encoder/layer_0/attention/self/query/kernel"

# Good folders


def safetensors(folder: Path) -> None:
    head_classes.make_folder(folder, "BertModel")


def pytorch(folder: Path) -> None:
    safetensors(folder)
    write(folder, torch_file(load_file(folder / "model.safetensors")))


def h5(folder: Path) -> None:
    h5_classes.make_folder(folder, "TFBertModel")


def tf1(folder: Path) -> None:
    folder.mkdir()
    bundle(folder, tf_files.tensors("", layers=1))
    (folder / "bert_config.json").write_text(json.dumps({**tf_files.CONFIG, "num_hidden_layers": 1}), encoding="utf-8")


# What is done to them


def cut(name: str, keep: int) -> Callable:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def put(name: str, content: bytes) -> Callable:
    return lambda folder: (folder / name).write_bytes(content)


def grown(name: str, size: int) -> Callable:
    """Makes a file as large as no memory is; its end takes no room on the disk."""
    return lambda folder: os.truncate(folder / name, size)


def settings(name: str, **changes) -> Callable:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps({**content, **changes}), encoding="utf-8")

    return change


def weights(change: Callable[[dict], object]) -> Callable:
    """Changes the tensors of model.safetensors."""

    def changed(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return changed


def header(**changes) -> Callable:
    """Changes what the header of model.safetensors says of one tensor."""

    def change(folder: Path) -> None:
        content = (folder / "model.safetensors").read_bytes()
        length = int.from_bytes(content[:8], "little")
        said = json.loads(content[8 : 8 + length])
        said[QUERY] |= changes
        new = json.dumps(said).encode()
        (folder / "model.safetensors").write_bytes(len(new).to_bytes(8, "little") + new + content[8 + length :])

    return change


def write(folder: Path, content: bytes) -> None:
    """Makes a pytorch_model.bin the weights of a folder."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)


def torch(**changed: bytes | None) -> Callable:
    """Writes pytorch_model.bin with another pickle for some tensors."""

    def change(folder: Path) -> None:
        safe = folder / "safe"
        safetensors(safe)
        tensors = load_file(safe / "model.safetensors")
        (folder / "pytorch_model.bin").write_bytes(torch_file(tensors, **changed))

    return change


def program(content: bytes) -> Callable:
    return put("pytorch_model.bin", torch_zip(content))


def index(name: str, **shards: str) -> Callable:
    """Leaves an index of shards in the place of the weights."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / f"{name}.index.json").write_text(json.dumps({"weight_map": shards}), encoding="utf-8")

    return change


def opened(change: Callable[[h5py.File], object]) -> Callable:
    """Changes tf_model.h5."""

    def changed(folder: Path) -> None:
        with h5py.File(folder / "tf_model.h5", "r+") as file:
            change(file)

    return changed


def replaced(**options) -> Callable:
    """Makes a dataset of tf_model.h5 anew."""

    def change(file: h5py.File) -> None:
        del file[H5_BIAS]
        file.create_dataset(H5_BIAS, **options)

    return opened(change)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((8,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (8,))
    del file[H5_BIAS]
    file.create_virtual_dataset(H5_BIAS, layout)


H5_BIAS = "bert/tf_bert_model/bert/pooler/dense/bias:0"


def bundle(
    folder: Path,
    tensors: dict[str, np.ndarray],
    *,
    entries: dict[str, bytes] | None = None,
    head: bytes = b"\x08\x01",
    compression: int = 0,
    flip: bool = False,
    block: bytes | None = None,
    handle: bytes | None = None,
) -> None:
    """Writes bert_model.ckpt.

    Args:
        entries: what the index says of some tensors.
        head: the header. compression: the number of one. flip: whether a checksum differs.
        block, handle: other bytes of the index: its block of entries, and where this block is.
    """
    said, content = {"": head}, b""
    for name, x in tensors.items():
        shape = b"".join(field(2, field(1, length)) for length in x.shape)
        kind = next(number for number, dtype in tf_bundle.DTYPES.items() if dtype == x.dtype)
        said[name] = entry(kind, shape, len(content), x.nbytes, masked(crc32c(x.reshape(-1).view("u1"))))
        content += x.tobytes()
    said |= entries or {}
    rows = sorted((name.encode(), value) for name, value in said.items())
    parts, handles = b"", []
    for part in ([], rows):
        if part and block is None:
            data = b"".join(b"\0" + to_varint(len(k)) + to_varint(len(v)) + k + v for k, v in part)
        else:
            data = block if part else b""
        data += struct.pack("<II", 0, 1)
        handles.append(to_varint(len(parts)) + to_varint(len(data)))
        stored = data + bytes([compression if part else 0])
        parts += stored + (masked(crc32c(stored)) ^ (flip and bool(part))).to_bytes(4, "little")
    last = rows[-1][0]
    data = (
        b"\0" + to_varint(len(last)) + to_varint(len(handles[1])) + last + handles[1] + struct.pack("<II", 0, 1) + b"\0"
    )
    blocks = to_varint(len(parts)) + to_varint(len(data) - 1)
    parts += data + masked(crc32c(data)).to_bytes(4, "little")
    foot = (handles[0] + (handle or blocks)).ljust(40, b"\0") + 0xDB4775248B80FB57.to_bytes(8, "little")
    (folder / "bert_model.ckpt.index").write_bytes(parts + foot)
    (folder / "bert_model.ckpt.data-00000-of-00001").write_bytes(content)


def entry(kind: int, shape: bytes, begin: int, size: int, checksum: int, shard: int = 0, extra: bytes = b"") -> bytes:
    return (
        field(1, kind)
        + field(2, shape)
        + field(3, shard)
        + field(4, begin)
        + field(5, size)
        + field(6, checksum, fixed32=True)
        + extra
    )


def rewritten(*, change: Callable[[dict], object] = lambda tensors: None, **options) -> Callable:
    """Writes bert_model.ckpt anew. Args: change: what is done to the tensors. options: those of `bundle`."""

    def changed(folder: Path) -> None:
        tensors = tf_files.tensors("", layers=1)
        change(tensors)
        bundle(folder, tensors, **options)

    return changed


def long_names(count: int) -> bytes:
    """A block of the index whose names begin with the same 1000 letters."""
    rows = [b"\0\0\x02\x08\x01", b"\0" + to_varint(1003) + b"\0" + b"a" * 1003]
    rows += [to_varint(1000) + b"\x03\0" + _three(row) for row in range(count)]
    return b"".join(rows)


def _three(number: int) -> bytes:
    """Three printable letters."""
    return bytes([33 + number // 8100 % 90, 33 + number // 90 % 90, 33 + number % 90])


def said(**options) -> Callable:
    """Writes an index that says something else of one tensor."""
    shape = field(2, field(1, 32)) * 2
    usual = {"kind": 1, "shape": shape, "begin": 0, "size": 4096, "checksum": 0}
    return rewritten(entries={KERNEL: entry(**{**usual, **options})})


GARDEN = "transformer/layer_0/self_attention/query/kernel"


def graph(content: bytes) -> Callable:
    """A checkpoint that was saved by object, with this graph of its objects."""
    stored = to_varint(len(content)) + bytes(4) + content

    def change(folder: Path) -> None:
        tensors = {"encoder/_embedding_layer/embeddings/.ATTRIBUTES/VARIABLE_VALUE": np.ones((105, 32), "float32")}
        said = {"_CHECKPOINTABLE_OBJECT_GRAPH": entry(7, b"", 105 * 32 * 4, len(stored), 0)}
        bundle(folder, tensors, entries=said)
        with (folder / "bert_model.ckpt.data-00000-of-00001").open("ab") as file:
            file.write(stored)

    return change


def moved(old: str, new: str) -> Callable[[dict], object]:
    return lambda tensors: tensors.__setitem__(new, tensors.pop(old))
