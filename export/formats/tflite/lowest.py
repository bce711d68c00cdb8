"""The lowest versions of TFLite and LiteRT that run a `.tflite` file: read from its operations, written into it.

The converter knows in which version of TFLite each version of an operation came. It does not know that an operation had
no kernel for integers of a type at first, so for files of integers it says 2.9. `KERNELS` are the gaps since TFLite 2.9
for the operations of encoders and heads. `tests/bench/runtimes.py` measures them.
"""

from bisect import bisect_left
from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from kerasbert.export.formats.tflite.entries import entry, open_model, packed, unpacked

ENTRY = "min_runtime_version"
"""The entry of a file's metadata in which the converter writes the version of TFLite, in 16 bytes."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of a runtime: major and minor number."""

    major: int
    minor: int

    @classmethod
    def of(cls, text: str) -> "Version":
        return cls(*map(int, text.split(".")[:2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST = Version(2, 9)
"""The oldest TFLite that was measured. For some files the converter names an older one, without signatures."""
LITERT = [("2.17", "1.0"), ("2.18", "1.1"), ("2.19", "1.2"), ("2.20", "1.4"), ("2.21", "2.1")]
"""A version of TFLite, and the first LiteRT that is not older, by the days of their release."""
KERNELS = {
    ("FULLY_CONNECTED", "INT8"): ("2.12", "1.0"),  # 2.9 runs it, but computes it wrongly with a scale per column
    ("RSQRT", "INT16"): ("2.15", "1.0"),
    ("GELU", "INT16"): ("2.20", "1.3"),
    ("DIV", "INT8"): ("2.20", "1.4"),
}
"""Operation and type of its first input -> the first TFLite and the first LiteRT that compute it."""


def lowest(model: bytes) -> dict[str, str]:
    """The lowest runtimes of a `.tflite` file by name, such as {"TFLite": "2.17", "LiteRT": "1.0"}.

    Empty for a file whose metadata has no `min_runtime_version`, which other converters leave out.
    """
    stated = _stated(model)
    if stated is None:
        return {}
    stated = max(stated, OLDEST)
    pairs = [tuple(map(Version.of, KERNELS[used])) for used in _used(model) & KERNELS.keys()]
    if stated not in [tflite for tflite, _ in pairs]:  # otherwise `with_lowest` wrote it
        at = bisect_left([Version.of(tflite) for tflite, _ in LITERT], stated)
        pairs.append((stated, Version.of(LITERT[min(at, len(LITERT) - 1)][1])))
    return dict(zip(("TFLite", "LiteRT"), (str(max(side)) for side in zip(*pairs, strict=True)), strict=True))


def with_lowest(model: bytes) -> bytes:
    """The model with the true lowest version of TFLite in its metadata."""
    needed = lowest(model)["TFLite"]
    if str(_stated(model)) == needed:
        return model
    content = unpacked(model)
    (place,) = [each.buffer for each in content.metadata if each.name == ENTRY.encode()]
    content.buffers[place].data = f"{needed}.0".encode().ljust(16, b"\0")
    return packed(content)


def _stated(model: bytes) -> Version | None:
    """The version of TFLite in a file's metadata."""
    stated = (entry(open_model(model), ENTRY) or b"").rstrip(b"\0")
    return Version.of(stated.decode()) if stated else None


def _used(model: bytes) -> set[tuple[str, str]]:
    """The operations of a file, each with the type of its first input."""
    operations, types = (
        {number: name for name, number in vars(each).items() if isinstance(number, int)}
        for each in (schema.BuiltinOperator, schema.TensorType)
    )
    content = unpacked(model)
    return {
        (operations[content.operatorCodes[node.opcodeIndex].builtinCode], types[graph.tensors[node.inputs[0]].type])
        for graph in content.subgraphs
        for node in graph.operators
        if len(node.inputs)
    }
