"""CSV, TSV and JSON lines -> examples, with the line of every row, so that an error can name it."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import DataError

# The first of these that a file has is taken, unless the caller names a column.
TEXT_COLUMNS = ("text", "sentence", "sentence1", "question1", "premise", "review", "content", "#1 String")
PAIR_COLUMNS = ("text_pair", "pair", "sentence2", "question2", "hypothesis", "#2 String")
LABEL_COLUMNS = ("label", "labels", "category", "class", "target", "score", "Quality")
LABEL_SEPARATOR = "|"
PLAIN = (".txt", "")  # plain text, a pipe


@dataclass(frozen=True)
class Example:
    """A text or a pair, what is said of it (None in files without labels), and where it stands."""

    text: str
    pair: str | None
    label: object
    line: int


def read_examples(
    path: str | Path,
    *,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    labelled: bool = True,
) -> list[Example]:
    """Reads `.csv`, `.tsv` (tabs, quotes are text, as in GLUE) with a header line, or `.jsonl` (an object a line).

    Args:
        path: the file, UTF-8 (a byte-order mark is skipped).
        text_column, pair_column, label_column: names in the header; None looks for the usual ones (`TEXT_COLUMNS` ...).
        labelled: whether a file without a label column is an error.

    Raises:
        DataError: naming the file, the line and the mend.
    """
    path = Path(path)
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path}: holds no rows")
    columns = list(dict.fromkeys(name for _, row in rows for name in row))  # a JSON line may lack any
    text = _column(path, columns, text_column, TEXT_COLUMNS, "text", required=True)
    pair = _column(path, columns, pair_column, PAIR_COLUMNS, "pair", required=False)
    label = _column(path, columns, label_column, LABEL_COLUMNS, "label", required=labelled)
    examples = []
    for line, row in rows:
        example = Example(_field(path, line, row, text), _field(path, line, row, pair), row.get(label), line)
        if labelled and example.label is None:
            raise DataError(f"{path}, line {line}: no value in {label!r}")
        examples.append(example)
    return examples


def read_texts(path: str | Path, *, text_column: str | None = None, pair_column: str | None = None) -> list[Example]:
    """Reads unlabelled texts: any file of `read_examples`; `.txt`, or "-" for standard input: one a line.

    Raises:
        DataError: naming the file, the line and the mend.
    """
    path = Path(path)
    if path.suffix.lower() not in PLAIN:
        return read_examples(path, text_column=text_column, pair_column=pair_column, labelled=False)
    if text_column or pair_column:
        raise DataError(f"{path}: plain text has no column {text_column or pair_column!r}; it is a text a line")
    # Only a line feed ends a line: a text may hold U+2028 and other breaks that splitlines() knows.
    lines = enumerate(_decode(path).replace("\r\n", "\n").split("\n"), 1)
    examples = [Example(text, None, None, line) for line, text in lines if text.strip()]
    if not examples:
        raise DataError(f"{'standard input' if path == Path('-') else path}: holds no text")
    return examples


def pairs_of(examples: list[Example]) -> list[str] | None:
    """The second texts, or None where the file has single texts."""
    return None if examples[0].pair is None else [example.pair for example in examples]


def _decode(path: Path) -> str:
    try:
        content = sys.stdin.buffer.read() if path == Path("-") else path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise DataError(f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None


def _rows(path: Path) -> Iterator[tuple[int, dict]]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        named = f"files named {path.suffix!r}" if path.suffix else "files without an ending"
        what = "folders" if path.is_dir() else named
        raise DataError(f"{path}: {what} are not read; use {', '.join(READERS)}")
    return reader(path, _decode(path))


def _csv_rows(path: Path, content: str, **dialect) -> Iterator[tuple[int, dict]]:
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


def _tsv_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
    return _csv_rows(path, content, delimiter="\t", quoting=csv.QUOTE_NONE)


def _jsonl_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
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


READERS: dict[str, Callable[[Path, str], Iterator[tuple[int, dict]]]] = {
    ".csv": _csv_rows,
    ".tsv": _tsv_rows,
    ".jsonl": _jsonl_rows,
}


def _column(path, columns, wanted, usual, role, *, required) -> str | None:
    if wanted is not None and wanted not in columns:
        raise DataError(f"{path}: no column {wanted!r}; it has {', '.join(columns)}")
    found = wanted or next((name for name in usual if name in columns), None)
    if found is None and required:
        raise DataError(f"{path}: no {role} column among {', '.join(columns)}; name it with --{role}-column")
    return found


def _field(path, line, row, column) -> str | None:
    if column is None:
        return None
    value = row.get(column)
    if not isinstance(value, str):
        raise DataError(f"{path}, line {line}: no text in {column!r} (found {value!r})")
    return value
