"""CoNLL: one word per line with its columns, and an empty line after each sentence."""

from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.tasks.remarks import counted

UNTAGGED = ("1", "words")
"""The names of the columns of a file that has words alone."""
DOCUMENT = "-DOCSTART-"
"""The first column of a line that begins a document; it holds no word."""


def conll_rows(path: Path, content: str) -> Iterator[tuple[range, dict]]:
    """The sentences of a file with the lines of their words, counted from 1.

    Columns are separated by tabs if any line has one, else by spaces. A column is named by its number, counted from 1.
    The first one is also named "words" and, if there are several, the last one "tags". A line that begins with "#"
    before a sentence is a comment if it has another number of columns than the words, or if it begins with "# " and no
    other line has its last column. Between tabs, a word may be empty or a space, as in corpora from whose words
    somebody removed characters.

    Raises:
        DataError: a word has another number of columns than the first word of the file; the line is named.
    """
    lines = content.replace("\r\n", "\n").replace("\r", "\r" if "\n" in content else "\n").split("\n")
    plain = [line for line in lines if line.strip() and not line.startswith(("#", DOCUMENT))]
    tabs = any("\t" in line.strip() for line in plain or lines)
    columns = len(_split(plain[0], tabs)) if plain else 2
    tags = {_split(line, tabs)[-1] for line in plain}
    sentence, start = [], 0
    for number, line in enumerate([*lines, ""], 1):
        word = _split(line, tabs)
        if not line.strip() or word[0] == DOCUMENT:
            if sentence:
                yield range(start, start + len(sentence)), _by_column(sentence)
            sentence = []
            continue
        fits = len(word) == columns
        alone = line.startswith("# ") and columns > 1 and bool(plain) and word[-1] not in tags
        if not sentence and line.startswith("#") and (alone or not fits):
            continue
        if not fits:
            separated = f"separated by {'tabs' if tabs else 'spaces'}"
            raise DataError(
                f"{path}, line {number}: {counted(len(word), 'column')}, but the first word of the file has {columns}; "
                f"give each word the same columns, {separated}"
            )
        if not sentence:
            start = number
        sentence.append(word)


def _split(line: str, tabs: bool) -> list[str]:
    return line.removesuffix("\r").split("\t") if tabs else line.split()


def _by_column(sentence: list[list[str]]) -> dict[str, list[str]]:
    values = list(map(list, zip(*sentence, strict=True)))
    named = {str(number): column for number, column in enumerate(values, 1)}
    return {**named, "words": values[0], **({"tags": values[-1]} if len(values) > 1 else {})}
