"""Raw text -> a stream of documents: from plain files, one document per file or JSON lines, compressed or not.

A corpus is cut into spans of bytes that end at the end of a document. The cut depends on the files and on nothing else,
so every worker reads the same documents from a span, in any order.
"""

import glob
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from kerasbert.corpus.zstd import ZstdFile
from kerasbert.errors import DataError

SLICE_BYTES = 16 << 20
"""Text of one piece of work, and of one shard, about."""
DOCUMENT_BYTES = 64 << 20
"""A longer document is refused: its file probably has another format."""
ENCODING_ERRORS = ("strict", "replace")

OPENERS: dict[str, Callable] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".zst": ZstdFile,
}
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstandard.ZstdError)
JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", ".conll")

_SLACK = 1.25  # how much longer than asked a slice may be, so that none is a crumb

_BLANK_LINES = re.compile(r"\n\s*\n")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Format:
    """How documents stand in a file.

    Attributes:
        ends_at: whether a document ends at a blank line or at any line's end; None where the file is the document.
        json: whether a line is a JSON object whose `text` is the document.
        wrapped: whether a single line feed is a space (hard-wrapped text) and only a blank line ends a paragraph.
    """

    ends_at: str | None
    json: bool = False
    wrapped: bool = True


FORMATS = {
    "blank-lines": Format(ends_at="blank line"),
    "files": Format(ends_at=None),
    "jsonl": Format(ends_at="line", json=True, wrapped=False),
}


@dataclass(frozen=True, order=True)
class Span:
    """Bytes `start` to `end` of a file. A compressed file, or one that is a document, is one span up to its size."""

    path: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """A text, its lines ended by line feeds, and the bytes that it took in its file."""

    text: str
    size: int


def find_files(inputs: Sequence[str]) -> list[Path]:
    """Files, folders (with all below) and glob patterns -> files, sorted, each once.

    Raises:
        DataError: an input that names nothing.
    """
    found = set()
    for given in map(str, inputs):
        files = set()
        for path in map(Path, [given] if Path(given).exists() else glob.glob(given, recursive=True)):
            files |= {path} if path.is_file() else {file for file in path.rglob("*") if _is_text_in(path, file)}
        if not files:
            raise DataError(f"{given}: no such file, pattern, or folder with files")
        found |= files
    return sorted(found)


def _is_text_in(folder: Path, path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden


def guess_format(files: Sequence[Path]) -> str:
    """`jsonl` for files of that name, else `blank-lines`.

    Raises:
        DataError: both together, or a file that is a table, whose other columns would be read as text.
    """
    tables = next((path for path in files if {*TABLES} & {each.lower() for each in path.suffixes}), None)
    if tables:
        raise DataError(
            f"{tables}: a table, not raw text; write its texts into a .txt file, with a blank line between documents"
        )
    kinds = {"jsonl" if {*JSON_LINES} & {*path.suffixes} else "blank-lines" for path in files}
    if len(kinds) > 1:
        raise DataError(f"{files[0].parent}: JSON lines and other files together; take one kind at a time")
    return kinds.pop()


def plan_slices(files: Sequence[Path], format: str, slice_bytes: int = SLICE_BYTES) -> list[list[Span]]:
    """Cuts a corpus into pieces of work of about `slice_bytes`, each a list of spans.

    Plain files are cut between documents, small files are put together; a compressed file is never cut.
    """
    slices, current, size = [], [], 0
    for path in files:
        try:
            spans = _cut(path, FORMATS[format], slice_bytes)
        except OSError as error:
            raise _unreadable(path, error) from None
        for span in spans:
            if current and size + span.end - span.start > slice_bytes * _SLACK:
                slices.append(current)
                current, size = [], 0
            current.append(span)
            size += span.end - span.start
    return [*slices, current] if current else slices


def _cut(path: Path, form: Format, slice_bytes: int) -> list[Span]:
    start, size = 0, path.stat().st_size
    spans = []
    if form.ends_at is not None and path.suffix not in OPENERS and size > slice_bytes * _SLACK:
        with open(path, "rb") as stream:
            while size - start > slice_bytes * _SLACK:
                end = _next_end(stream, start + slice_bytes, size, form, path)
                spans.append(Span(str(path), start, end))
                start = end
    return [*spans, Span(str(path), start, size)] if start < size else spans


def _next_end(stream, offset: int, size: int, form: Format, path: Path) -> int:
    """Where the document that covers `offset` ends."""
    stream.seek(offset)
    stream.readline(DOCUMENT_BYTES + 1)
    while form.ends_at == "blank line" and stream.tell() < size and (line := stream.readline(DOCUMENT_BYTES + 1)):
        if line.isspace() or stream.tell() - offset > DOCUMENT_BYTES:
            break
    if stream.tell() - offset > DOCUMENT_BYTES:
        raise _too_long(path, offset)
    return stream.tell()


def read_documents(spans: Sequence[Span], format: str, errors: str = "strict") -> Iterator[Document]:
    """The documents of some spans, in order, without empty ones.

    Args:
        spans: from `plan_slices`. format: a key of `FORMATS`. errors: "strict", or "replace" for U+FFFD.

    Raises:
        DataError: a file that is binary, broken, not UTF-8 (by line) or not JSON, or a document that never ends.
    """
    form = FORMATS[format]
    for span in spans:
        path = Path(span.path)
        try:
            with _open(span) as stream:
                yield from _documents(path, stream, span, form, errors)
        except BROKEN as error:
            raise DataError(f"{path}: broken {path.suffix} file ({error}); fetch it again") from None
        except OSError as error:
            raise _unreadable(path, error) from None


def _open(span: Span):
    path = Path(span.path)
    if path.suffix in OPENERS:
        return io.BufferedReader(OPENERS[path.suffix](path), 1 << 20)
    stream = open(path, "rb")  # noqa: SIM115 - the caller closes it
    stream.seek(span.start)
    return stream


def _documents(path: Path, stream, span: Span, form: Format, errors: str) -> Iterator[Document]:
    end = None if path.suffix in OPENERS else span.end
    for offset, raw in _raw_documents(path, stream, span.start, end, form):
        if b"\0" in raw:
            raise DataError(
                f"{path}: a NUL byte at {offset + raw.index(0)}, so it is no text in UTF-8; leave it out, or convert it"
            )
        try:
            text = raw.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            line = _line_at(span, offset + error.start)
            raise DataError(
                f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; "
                "save the file as UTF-8, or prepare it with --errors replace"
            ) from None
        text = text.removeprefix("\ufeff")
        if form.json:
            text = _json_text(text, span, offset)
        text = text.replace("\r\n", "\n")
        texts = [text]
        if "\r" in text:  # lines of old Macs, whose blank lines no reader of bytes has seen
            text = text.replace("\r", "\n")
            texts = _BLANK_LINES.split(text) if form.ends_at == "blank line" else [text]
        for text in texts:
            if text.strip():
                yield Document(text, len(raw) // len(texts))


def _raw_documents(path: Path, stream, offset: int, end: int | None, form: Format) -> Iterator[tuple[int, bytes]]:
    """(byte offset, bytes) of each document."""
    if form.ends_at is None:
        content = stream.read(DOCUMENT_BYTES + 1)
        if len(content) > DOCUMENT_BYTES:
            raise _too_long(path, offset)
        yield offset, content
        return
    lines, start, size = [], offset, 0
    while (end is None or offset < end) and (line := stream.readline(DOCUMENT_BYTES + 1)):
        offset += len(line)
        size += len(line)
        if size > DOCUMENT_BYTES:
            raise _too_long(path, start)
        blank = line.isspace()
        if not blank:
            lines.append(line)
        if blank or form.ends_at == "line":
            if lines:
                yield start, b"".join(lines)
            lines, start, size = [], offset, 0
    if lines:
        yield start, b"".join(lines)


def _json_text(line: str, span: Span, offset: int) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, RecursionError) as error:
        wrong = f"not JSON ({error})"
    except (KeyError, TypeError):
        wrong = 'no object with a "text"'
    else:
        if isinstance(text, str):
            return _SURROGATE.sub("\ufffd", text)  # JSON can write halves of characters, which no UTF-8 can hold
        wrong = f'"text" is {text!r:.60}, not a string'
    raise DataError(f"{span.path}, line {_line_at(span, offset)}: {wrong}")


def _line_at(span: Span, offset: int) -> int:
    """The number of the line that holds a byte of the (uncompressed) text; read again, as it is for an error only."""
    line = 1
    with _open(Span(span.path, 0, span.end)) as stream:
        while offset > 0 and (block := stream.read(min(offset, 1 << 20))):
            line += block.count(b"\n")
            offset -= len(block)
    return line


def _too_long(path: Path, offset: int) -> DataError:
    return DataError(
        f"{path}: the document around byte {offset} is longer than {DOCUMENT_BYTES / 2**20:g} MB; "
        "separate documents by blank lines, or choose the right --documents"
    )


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror or error})")
