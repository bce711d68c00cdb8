"""Reads text and JSON: regular files only, and one line for whatever is wrong with one."""

import json
import stat
from pathlib import Path

from kerasbert.errors import KerasBertError


def read_bytes(path: Path, error: type[KerasBertError]) -> bytes:
    """The content of a file.

    Raises:
        error: there is no such file, it is a folder, a pipe or a device (which may never end), or it cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise error(f"{path}: is a pipe or a device, not a regular file; write its content to a file first")
        return path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror})") from None


def read_text(path: Path, error: type[KerasBertError]) -> str:
    """The text of a UTF-8 file, without a byte-order mark. Line ends stay as they are.

    Raises:
        error: as in `read_bytes`, or a byte that is not UTF-8; the message names its line.
    """
    return decode(path, read_bytes(path, error), error)


def decode(path: Path, content: bytes, error: type[KerasBertError]) -> str:
    """The text in the bytes of a file; see `read_text`."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise error(
            f"{path}, line {line}: byte 0x{content[reason.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def read_json(path: Path, error: type[KerasBertError]) -> dict:
    """The object in a JSON file.

    Raises:
        error: as in `read_text`, or the file does not hold one JSON object.
    """
    try:
        content = parse(read_text(path, error))
    except ValueError as reason:
        raise error(f"{path}: cannot be read as JSON ({reason})") from None
    if not isinstance(content, dict):
        raise error(f"{path}: holds a JSON {type(content).__name__}, not an object")
    return content


def parse(text: str):
    """The value that a JSON text describes.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or holds half of a surrogate pair, which no file can hold.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as reason:
            half = ord(reason.object[reason.start])
            raise ValueError(f"\\u{half:04x} is half of a surrogate pair, no character") from None
    return value
