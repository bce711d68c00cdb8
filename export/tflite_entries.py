"""The named byte strings that a `.tflite` file carries beside its graph: found, and added without touching the rest."""

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # of buffers, which the CPU kernels count on
BUFFERS, METADATA = 4, 6  # slots of the table Model


def open_model(model: bytes) -> schema.Model:
    """Raises ValueError if the bytes do not begin as a TFLite model does."""
    if model[4:8] != IDENTIFIER:
        raise ValueError("it does not begin as a TFLite model does")
    return schema.Model.GetRootAs(model)


def entry(model: schema.Model, name: str) -> bytes | None:
    """The bytes under a name; None if there are none."""
    for index in range(model.MetadataLength()):
        if model.Metadata(index).Name() == name.encode():
            return model.Buffers(model.Metadata(index).Buffer()).DataAsNumpy().tobytes()
    return None


def with_entry(model: bytes, name: str, data: bytes) -> bytes:
    """The model with one entry more.

    In a flatbuffer every reference leads to a later byte. So a new root that refers to the old parts stands before
    them. It is written alone, as if they followed it (the builder counts places back from its end, hence the minus),
    and then they do, byte for byte. The object API would copy each weight, and forget how buffers are aligned.
    """
    old = open_model(model)
    builder = flatbuffers.Builder(1024 + len(data))
    builder.Prep(ALIGNMENT, len(data))
    content = builder.CreateByteVector(data)
    schema.BufferStart(builder)
    schema.BufferAddData(builder, content)
    buffer = schema.BufferEnd(builder)
    title = builder.CreateString(name)
    schema.MetadataStart(builder)
    schema.MetadataAddName(builder, title)
    schema.MetadataAddBuffer(builder, old.BuffersLength())
    named = schema.MetadataEnd(builder)

    references = {
        BUFFERS: vector(builder, [*(-old.Buffers(i)._tab.Pos for i in range(old.BuffersLength())), buffer]),
        METADATA: vector(builder, [*(-old.Metadata(i)._tab.Pos for i in range(old.MetadataLength())), named]),
    }
    table = old._tab
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, old.Version())
    for slot in range(1, len(builder.current_vtable)):  # all but the version are references
        offset = table.Offset(4 + 2 * slot)
        if slot in references:
            builder.PrependUOffsetTRelativeSlot(slot, references[slot], 0)
        elif offset:
            builder.PrependUOffsetTRelativeSlot(slot, -table.Indirect(table.Pos + offset), 0)
    builder.Finish(schema.ModelEnd(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output()) + model


def vector(builder: flatbuffers.Builder, places: list[int]) -> int:
    """Writes a vector of references."""
    builder.StartVector(4, len(places), 4)  # bytes of a reference
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()
