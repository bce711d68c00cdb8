"""CSV and TSV with a header line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError

Rows = Iterator[tuple[int, dict]]
"""The line that a row begins in, counted from 1, and its values by column."""


def csv_rows(path: Path, content: str, **dialect) -> Rows:
    """The rows of a CSV file.

    Raises:
        DataError: a row that does not fit the header, or a quote that does not end; the line is named.
    """
    reader = csv.reader(io.StringIO(content, newline=""), strict=True, **dialect)
    header, start = None, 1
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the module's 128 kB
    try:
        for row in reader:
            line, start = start, reader.line_num + 1
            if not row:
                continue
            if header is None:
                header = [name.strip() for name in row]
                twice = sorted({name for name in header if name and header.count(name) > 1})
                if twice:
                    raise DataError(f"{path}, line {line}: the header repeats {', '.join(twice)}; rename one of them")
                continue
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {line}: {len(row)} columns, the header has {len(header)} ({', '.join(header)}); "
                    "quote text that holds the separator"
                )
            yield line, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: not readable as {path.suffix[1:].upper()} ({error})") from None


def tsv_rows(path: Path, content: str) -> Rows:
    """The rows of a TSV file; a quote is a character like any other, as in GLUE."""
    return csv_rows(path, content, delimiter="\t", quoting=csv.QUOTE_NONE)
