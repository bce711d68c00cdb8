"""Every text in files of any kind: raw text, and the values of labelled files."""

from collections.abc import Callable, Iterator, Sequence

from kerasbert.corpus.documents import find_files, guess_format, plan_slices, read_documents
from kerasbert.errors import DataError
from kerasbert.examples.readers import READERS
from kerasbert.examples.squad import squad_rows
from kerasbert.reading import decode, read_bytes
from kerasbert.tasks.words import as_text

LABELLED = {**READERS, ".json": squad_rows}
"""Ending of a labelled file -> its reader."""


class Texts:
    """The texts of some files, which can be read again and again.

    Of a labelled file every value that is a text counts, whatever its column. A list of words counts as the text that
    they make, and each word on its own.

    Args:
        inputs: files, folders or patterns.
        documents: how raw text is read, a key of `kerasbert.corpus.documents.FORMATS`; "auto" goes by the names of the
            files, and only then labelled files are told by theirs.
        labelled: whether there may be labelled files; otherwise all are raw text.
        errors: "strict", or "replace" for U+FFFD, for raw text.
        told: called with the number of bytes after each part that was read.

    Raises:
        DataError: a file cannot be read; also while it is read.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        documents: str = "auto",
        labelled: bool = True,
        errors: str = "strict",
        told: Callable[[int], None] = lambda size: None,
    ):
        files = find_files(inputs)
        told_by_name = labelled and documents == "auto"
        self.labelled = [path for path in files if told_by_name and path.suffix.lower() in LABELLED]
        raw = [path for path in files if path not in self.labelled]
        self.format = guess_format(raw) if raw and documents == "auto" else documents
        self.slices = plan_slices(raw, self.format) if raw else []
        self.errors, self.told = errors, told

    @property
    def size(self) -> int:
        """Number of bytes."""
        spans = [span for spans in self.slices for span in spans]
        return sum(path.stat().st_size for path in self.labelled) + sum(span.end - span.start for span in spans)

    def __iter__(self) -> Iterator[str]:
        for path in self.labelled:
            for _, row in LABELLED[path.suffix.lower()](path, decode(path, read_bytes(path, DataError), DataError)):
                yield from filter(str.strip, texts_in(row))
            self.told(path.stat().st_size)
        for spans in self.slices:
            yield from (document.text for document in read_documents(spans, self.format, self.errors))
            self.told(sum(span.end - span.start for span in spans))


def texts_in(value: object) -> Iterator[str]:
    """The texts in a value of a labelled file, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        if value and all(isinstance(each, str) for each in value):
            yield as_text(value)
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
