"""Plain text: one text per line."""

from collections.abc import Iterator
from pathlib import Path


def text_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
    """The texts of a file with their lines, counted from 1. Blank lines, which separate documents, are left out.

    Only a line feed ends a line: a text may hold U+2028 and other breaks that `str.splitlines` knows.
    """
    for line, text in enumerate(content.replace("\r\n", "\n").split("\n"), 1):
        if text.strip():
            yield line, {"text": text}
