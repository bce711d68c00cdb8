"""Protobuf's encoding, as far as it takes to write a message in pieces or without its class.

Source: protobuf.dev, "Encoding".
"""


def head(number: int, length: int) -> bytes:
    """What stands before a field of so many bytes: its number and kind, and the length, 7 bits a byte."""
    encoded = bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes([*encoded, length])


def field(number: int, content: bytes) -> bytes:
    """A field that holds a message, a string or bytes. Fields that follow each other are a message."""
    return head(number, len(content)) + content
