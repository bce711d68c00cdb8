"""JSON lines: one object per line."""

import json
from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError


def jsonl_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
    """The objects of a file with their lines, counted from 1.

    Raises:
        DataError: a line that is not a JSON object; it is named.
    """
    for line, text in enumerate(content.split("\n"), 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {line}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {line}: a {type(row).__name__}; each line holds a JSON object")
        yield line, row
