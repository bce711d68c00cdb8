"""Reads and writes the fields of protobuf messages without their classes. Source: protobuf.dev, "Encoding".

Every length that is read is compared with what is there.
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How a field is stored."""
_FIXED = {FIXED64: 8, FIXED32: 4}


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The whole number that begins at `at`, and where it ends.

    Raises:
        ValueError: it is cut off, or longer than 64 bits.
    """
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError(f"no whole number at byte {at}")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or the bytes of a text or of a message in it.

    Raises:
        ValueError: the message is cut off or is none.
    """
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = varint(data, at)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError(f"a field of the kind {kind}")
        if length > len(data) - at:
            raise ValueError(f"a field of {length} bytes, of which {len(data) - at} are there")
        value, at = data[at : at + length], at + length
        yield number, value if kind == BYTES else int.from_bytes(value, "little")


def field(number: int, value: int | bytes, *, fixed32: bool = False) -> bytes:
    """A field as bytes. Zero and empty bytes are written too; leave the field out where it has its default."""
    if fixed32:
        return to_varint(number << 3 | FIXED32) + value.to_bytes(4, "little")
    if isinstance(value, int):
        return to_varint(number << 3 | VARINT) + to_varint(value)
    return head(number, len(value)) + value


def head(number: int, length: int) -> bytes:
    """The bytes before a field that holds a message, a text or bytes of that length."""
    return to_varint(number << 3 | BYTES) + to_varint(length)


def to_varint(value: int) -> bytes:
    """A whole number of at least 0 as bytes."""
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
