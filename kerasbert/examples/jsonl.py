"""JSON lines: one object per line."""

from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.examples.csv import tell_blank
from kerasbert.reading import parse


def jsonl_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
    """The objects of a file with their lines, counted from 1.

    The hub's sets of parallel texts have `{"translation": {"en": ..., "de": ...}}`: the inner names are columns then.

    Raises:
        DataError: a line that is not a JSON object; it is named.
    """
    blank, last = [], 0
    for line, text in enumerate(content.split("\n"), 1):
        if not text.strip():
            blank.append(line)
            continue
        try:
            row = parse(text)
        except ValueError as error:
            raise DataError(f"{path}, line {line}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {line}: a {type(row).__name__}; each line holds a JSON object")
        last = line
        inner = row.get("translation")
        yield line, ({**row, **inner} if isinstance(inner, dict) else row)
    tell_blank(path, blank, before=last)
