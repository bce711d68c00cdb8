"""Files of Zstandard frames, read as a stream."""

import io
from pathlib import Path

import zstandard

_BLOCK = 1 << 15  # compressed; a block of nothing but spaces is a thousand times as long when it comes out
_WINDOW = 1 << 31  # what `zstd --long=31` writes


class ZstdFile(io.RawIOBase):
    """The uncompressed bytes, of all frames.

    `zstandard.open` takes a file that was cut short for a whole one; this raises EOFError.
    """

    def __init__(self, path: Path):
        self._stream = open(path, "rb")  # noqa: SIM115 - `close` closes it
        self._frame = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._ready and self._advance():
            pass
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _advance(self) -> bool:
        """Uncompresses what is left of a block or the next one; False at the end of the file."""
        block = self._frame.unused_data if self._frame and self._frame.eof else b""
        if self._frame and self._frame.eof:
            self._frame = None
        block = block or self._stream.read(_BLOCK)
        if not block:
            if self._frame:
                raise EOFError("it ends within a frame")
            return False
        self._frame = self._frame or zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        self._ready = memoryview(self._frame.decompress(block))
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()
