"""A `.tflite` file opened, changed and written again with its weights where the CPU kernels count on them.

The object API of flatbuffers alone would copy each weight several times, and forget how buffers are aligned.
"""

import struct
from collections.abc import Sequence

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # of buffers
# Layouts (vtables) of the table Buffer: bytes of the layout, of the table, then where in the table `data` is.
EMPTY, FULL = struct.pack("<2H", 4, 4), struct.pack("<3H2x", 6, 8, 4)


class Written:
    """Stands for an object that is in the file already: the object API, asked to write it, gets its place."""

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
    """The model as objects, to change and to give to `packed`; the weights are views of `model`."""
    return schema.ModelT.InitFromObj(open_model(model))


def packed(content: schema.ModelT, builder: flatbuffers.Builder | None = None) -> bytes:
    """The objects as a file: all that is not a buffer, then the buffers, aligned.

    References in a flatbuffer lead to later bytes. The builder counts places back from its end, so what follows it has
    places below 0.

    Args:
        builder: has written what a `Written` in `content` stands for.
    """
    builder = builder or flatbuffers.Builder(1 << 20)
    builder.Prep(ALIGNMENT, 0)  # the file's head, and so the beginning of the buffers, is a multiple of it
    places, buffers = _buffers([buffer.data for buffer in content.buffers])
    content.buffers = [Written(-place) for place in places]
    builder.Finish(content.Pack(builder), file_identifier=IDENTIFIER)
    return b"".join((builder.Output(), *buffers))


def _buffers(contents: Sequence) -> tuple[list[int], list[bytes]]:
    """Where each table Buffer is from the beginning of the bytes that follow, and these, in pieces."""
    places, pieces, size = [], [EMPTY, FULL], len(EMPTY) + len(FULL)
    for data in contents:
        places.append(size)
        if data is None or not len(data):
            table = [struct.pack("<i", size)]  # how far back its layout is
        else:
            data = bytes(data)
            gap = bytes(-(size + 12) % ALIGNMENT)  # behind the table of 8 bytes and the length
            table = [struct.pack("<iI", size - len(EMPTY), 4 + len(gap)), gap, struct.pack("<I", len(data)), data]
            table.append(bytes(-len(data) % 4))
        pieces += table
        size += sum(map(len, table))
    return places, pieces


def entry(model: schema.Model, name: str) -> bytes | None:
    """The bytes under a name; None if there are none."""
    for index in range(model.MetadataLength()):
        if model.Metadata(index).Name() == name.encode():
            return model.Buffers(model.Metadata(index).Buffer()).DataAsNumpy().tobytes()
    return None


def with_entry(model: bytes, name: str, data: bytes) -> bytes:
    """The model with one entry more: a byte string that it carries beside its graph."""
    content = unpacked(model)
    buffer, named = schema.BufferT(), schema.MetadataT()
    buffer.data, named.name, named.buffer = data, name, len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), named]
    return packed(content)


def with_shared_scales(model: bytes) -> bytes:
    """The model with the scales and zero points of a quantised weight once, not once a signature.

    An int8 weight has 12 bytes of them a channel: with four signatures, BERT-base is 3 MB smaller without the copies.
    """
    builder, content, written = flatbuffers.Builder(1 << 20), unpacked(model), {}
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            scales = tensor.quantization
            if scales is not None and scales.scale is not None:
                values = (scales.scale, scales.zeroPoint, scales.min, scales.max)
                key = (scales.quantizedDimension, *(None if value is None else value.tobytes() for value in values))
                if key not in written:
                    written[key] = Written(scales.Pack(builder))
                tensor.quantization = written[key]
    return packed(content, builder)
