"""The parts of protobuf's encoding that are needed to write a message in pieces, or without its class.

Source: protobuf.dev, "Encoding".
"""


def head(number: int, length: int) -> bytes:
    """The bytes before a field of that length: its number and kind, then the length with 7 bits per byte."""
    encoded = bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes([*encoded, length])


def field(number: int, content: bytes) -> bytes:
    """A field that holds a message, a string or bytes. Several fields in a row make a message."""
    return head(number, len(content)) + content
