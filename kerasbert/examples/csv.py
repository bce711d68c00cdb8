"""CSV and TSV with a header line."""

import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.tasks.remarks import counted

log = logging.getLogger("kerasbert")

SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
FIRST_LINE = re.compile(r'"?sep=([^"\r\n])"?\r?\n', re.IGNORECASE)
"""The line that tells Excel the separator of a .csv file."""

Rows = Iterator[tuple[int, dict]]
"""The line that a row begins in, counted from 1, and its values by column."""


def csv_rows(path: Path, content: str, usual: str = ",") -> Rows:
    """The rows of a file of separated values.

    A first line such as `sep=;` names the separator. A header without the usual separator and with another of
    `SEPARATORS` is read with that one, and a line says so. Quotes are characters like any other where tabs separate,
    as in GLUE.

    Args:
        path: the file, for messages.
        content: its text.
        usual: the separator according to the name of the file.

    Raises:
        DataError: a row that does not fit the header, or a quote that does not end; the line is named.
    """
    named = FIRST_LINE.match(content)
    separator = named[1] if named else _separator(content, usual)
    if separator != usual:
        called = SEPARATORS.get(separator, repr(separator))
        log.info("%s: columns are separated by %s, not by %s", path, called, SEPARATORS[usual])
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    text = io.StringIO(content[named.end() :] if named else content, newline="")
    reader = csv.reader(text, strict=True, delimiter=separator, quoting=quoting)
    before = 1 if named else 0
    header, start, last, blank = None, 1 + before, 0, []
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the module's 128 kB
    try:
        for row in reader:
            line, start = start, reader.line_num + 1 + before
            if not row:
                if header is not None:
                    blank.append(line)
                continue
            if header is None:
                header = [name.strip() for name in row]
                twice = sorted({name for name in header if name and header.count(name) > 1})
                if twice:
                    raise DataError(f"{path}, line {line}: the header repeats {', '.join(twice)}; rename one of them")
                continue
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {line}: {counted(len(row), 'column')}, the header has {len(header)} "
                    f"({', '.join(header)}); quote text that holds the separator"
                )
            last = line
            yield line, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: not readable as {path.suffix[1:].upper()} ({error})") from None
    tell_blank(path, blank, before=last)


def tell_blank(path: Path, blank: Sequence[int], *, before: int) -> None:
    """Logs how many blank lines were left out before the last row, if any. Args: before: the line of this row."""
    lines = [line for line in blank if line < before]
    if lines:
        what = "is left out; it holds no row" if len(lines) == 1 else "are left out; they hold no rows"
        log.warning("%s: %s (the first is line %d) %s", path, counted(len(lines), "blank line"), lines[0], what)


def tsv_rows(path: Path, content: str) -> Rows:
    """The rows of a file that is named as TSV."""
    return csv_rows(path, content, "\t")


def _separator(content: str, usual: str) -> str:
    """The separator of the header: the usual one, or the most frequent other one if the header has none of it."""
    header = next((line for line in content.split("\n") if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", header)
    counts = {separator: bare.count(separator) for separator in SEPARATORS}
    return usual if counts[usual] or not any(counts.values()) else max(counts, key=counts.get)
