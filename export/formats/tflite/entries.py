"""Opens a `.tflite` file, changes it, and writes it again with buffers aligned as the CPU kernels need them.

The object API of flatbuffers alone would copy each weight several times and lose the alignment.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # of buffers
# Layouts (vtables) of the table Buffer: size of the layout, size of the table, offset of `data` in the table.
EMPTY, FULL = struct.pack("<2H", 4, 4), struct.pack("<3H2x", 6, 8, 4)


class Written:
    """Stands for an object that is in the file already: when the object API writes it, it gets that place."""

    def __init__(self, place: int):
        self.place = place

    def Pack(self, builder: flatbuffers.Builder) -> int:
        return self.place


def open_model(model: bytes) -> schema.Model:
    """Raises ValueError if the bytes do not begin as a TFLite model does."""
    if model[4:8] != IDENTIFIER:
        raise ValueError("it does not begin as a TFLite model does")
    return schema.Model.GetRootAs(model)


def unpacked(model: bytes) -> schema.ModelT:
    """The model as objects that can be changed and given to `packed`. The weights are views of `model`."""
    return schema.ModelT.InitFromObj(open_model(model))


def packed(content: schema.ModelT) -> bytes:
    """The objects as the bytes of a file. See `pieces`."""
    return b"".join(pieces(content))


def pieces(content: schema.ModelT) -> list:
    """The objects as a file in pieces, bytes or views of the weights: everything else first, then the aligned buffers.

    The scales and zero points of a quantised weight are stored once, not once per signature. They take 12 bytes per
    channel of an int8 weight, so that BERT-base with four signatures would have 3 MB of copies.

    References in a flatbuffer point forward. The builder counts places backwards from its end, so the buffers, which
    follow it, have negative places.
    """
    builder = flatbuffers.Builder(1 << 20)
    _share_scales(content, builder)
    builder.Prep(ALIGNMENT, 0)  # the buffers begin where the head ends, so the head is a multiple of it
    places, buffers = _buffers([buffer.data for buffer in content.buffers])
    content.buffers = [Written(-place) for place in places]
    builder.Finish(content.Pack(builder), file_identifier=IDENTIFIER)
    return [builder.Output(), *buffers]


def write_pieces(path: Path, content: list) -> None:
    """Writes a file from `pieces`."""
    with path.open("wb") as file:
        file.writelines(content)


def _share_scales(content: schema.ModelT, builder: flatbuffers.Builder) -> None:
    """Writes equal scales once, and lets every tensor that has them refer to that place."""
    written = {}
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            scales = tensor.quantization
            if scales is not None and scales.scale is not None:
                values = (scales.scale, scales.zeroPoint, scales.min, scales.max)
                key = (scales.quantizedDimension, *(None if value is None else value.tobytes() for value in values))
                if key not in written:
                    written[key] = Written(scales.Pack(builder))
                tensor.quantization = written[key]


def _buffers(contents: Sequence) -> tuple[list[int], list]:
    """The place of each table Buffer in the bytes behind the head, and these bytes in pieces."""
    places, pieces, size = [], [EMPTY, FULL], len(EMPTY) + len(FULL)
    for data in contents:
        places.append(size)
        if data is None or not len(data):
            table = [struct.pack("<i", size)]  # distance back to its layout
        else:
            data = memoryview(data).cast("B")
            gap = bytes(-(size + 12) % ALIGNMENT)  # behind the table of 8 bytes and the length
            table = [struct.pack("<iI", size - len(EMPTY), 4 + len(gap)), gap, struct.pack("<I", len(data)), data]
            table.append(bytes(-len(data) % 4))
        pieces += table
        size += sum(map(len, table))
    return places, pieces


def entry(model: schema.Model, name: str) -> bytes | None:
    """The bytes that a model carries under a name; None if there are none."""
    for index in range(model.MetadataLength()):
        if model.Metadata(index).Name() == name.encode():
            return model.Buffers(model.Metadata(index).Buffer()).DataAsNumpy().tobytes()
    return None


def with_entry(model: bytes, name: str, data: bytes) -> list:
    """The model with one more named byte string beside its graph, as a file in pieces (see `pieces`)."""
    content = unpacked(model)
    buffer, named = schema.BufferT(), schema.MetadataT()
    buffer.data, named.name, named.buffer = data, name, len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), named]
    return pieces(content)
