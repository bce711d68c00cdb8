"""The tables of TFLite Metadata as data, with one writer and one reader for all of them.

Source: metadata_schema.fbs of TensorFlow Lite Support and MediaPipe. No package with bindings for it installs beside
TensorFlow 2.21. These are the tables and fields that text models use.
"""

import flatbuffers
from flatbuffers import number_types
from flatbuffers.table import Table

IDENTIFIER = b"M001"
PARSER_VERSION = "1.1.0"
"""The first parser that knows all of `TABLES`."""

TABLES = {
    "AssociatedFile": {"name": (0, str), "description": (1, str), "type": (2, int)},
    "BertTokenizerOptions": {"vocab_file": (0, ["AssociatedFile"])},
    "ProcessUnit": {"options": (1, {"BertTokenizerOptions": 4})},
    "FeatureProperties": {},
    "Content": {"content_properties": (1, {"FeatureProperties": 1})},
    "TensorMetadata": {
        "name": (0, str),
        "description": (1, str),
        "content": (3, "Content"),
        "associated_files": (6, ["AssociatedFile"]),
    },
    "SubGraphMetadata": {
        "name": (0, str),
        "input_tensor_metadata": (2, ["TensorMetadata"]),
        "output_tensor_metadata": (3, ["TensorMetadata"]),
        "input_process_units": (5, ["ProcessUnit"]),
    },
    "ModelMetadata": {
        "name": (0, str),
        "description": (1, str),
        "subgraph_metadata": (3, ["SubGraphMetadata"]),
        "min_parser_version": (7, str),
    },
}
"""Table -> field -> (slot, kind). A kind is `str`, `int` (one byte), a table, [table] for a vector of it, or
{table: number} for a union, whose other members are not read and whose number stands in the slot before."""

TENSOR_AXIS_LABELS, VOCABULARY = 2, 5
"""Values of AssociatedFile.type."""


def write(metadata: dict) -> bytes:
    """A ModelMetadata flatbuffer from nested dicts and lists; a member of a union is {table: its fields}."""
    builder = flatbuffers.Builder()
    builder.Finish(_write(builder, "ModelMetadata", metadata), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def read(data: bytes) -> dict:
    """Reads what `write` wrote. Fields that are not set are left out."""
    return _read(data, 0, "ModelMetadata")


def _write(builder: flatbuffers.Builder, kind, value) -> int:
    """Writes the value that a field refers to and returns its place. Flatbuffers want inner values first."""
    if kind is str:
        return builder.CreateString(value)
    if isinstance(kind, list):
        return _vector(builder, [_write(builder, kind[0], item) for item in value])
    if isinstance(kind, dict):
        ((table, fields),) = value.items()
        return _write(builder, table, fields)

    slots = {}
    for name, inner in value.items():
        slot, inner_kind = TABLES[kind][name]
        slots[slot] = (inner_kind, inner if inner_kind is int else _write(builder, inner_kind, inner))
        if isinstance(inner_kind, dict):
            slots[slot - 1] = (int, inner_kind[next(iter(inner))])
    builder.StartObject(max(slots, default=-1) + 1)
    for slot, (inner_kind, inner) in slots.items():
        if inner_kind is int:
            builder.PrependInt8Slot(slot, inner, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, inner, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, places: list[int]) -> int:
    builder.StartVector(4, len(places), 4)  # bytes of a reference
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _read(data: bytes, at: int, kind):
    """The value that the reference at a byte points to."""
    here = Table(data, at)
    if kind is str:
        return here.String(at).decode("utf-8")
    start = here.Indirect(at)
    if isinstance(kind, list):
        count = here.Get(number_types.UOffsetTFlags, start)
        return [_read(data, start + 4 * (1 + index), kind[0]) for index in range(count)]

    table, found = Table(data, start), {}
    for name, (slot, inner) in TABLES[kind].items():
        place = table.Offset(4 + 2 * slot)
        if not place:
            continue
        if inner is int:
            found[name] = table.Get(number_types.Int8Flags, start + place)
        elif isinstance(inner, dict):
            number = table.Get(number_types.Uint8Flags, start + table.Offset(4 + 2 * (slot - 1)))
            members = [member for member in inner if inner[member] == number]
            found[name] = {member: _read(data, start + place, member) for member in members}
        else:
            found[name] = _read(data, start + place, inner)
    return found
