"""CoNLL: one word per line with its columns, and an empty line after each sentence."""

from collections.abc import Iterator
from pathlib import Path

from kerasbert.errors import DataError

DOCUMENT = "-DOCSTART-"
"""The first column of a line that begins a document; it holds no word."""


def conll_rows(path: Path, content: str) -> Iterator[tuple[int, dict]]:
    """The sentences of a file with the line of their first word, counted from 1.

    Columns are separated by tabs if any line has one, else by spaces. A column is named by its number, counted from 1.
    The first one is also named "words" and, if there are several, the last one "tags". A line that begins with "#"
    before a sentence and has another number of columns than the words is a comment. Between tabs, a word may be empty
    or a space, as in corpora whose words were made of characters that somebody removed.

    Raises:
        DataError: a word has another number of columns than the first word of the file; the line is named.
    """
    lines = content.replace("\r\n", "\n").split("\n")
    tabs = any("\t" in line.strip() for line in lines)
    plain = (line for line in lines if line.strip() and not line.startswith(("#", DOCUMENT)))
    columns = next((len(_split(line, tabs)) for line in plain), 2)
    sentence, start = [], 0
    for number, line in enumerate([*lines, ""], 1):
        word = _split(line, tabs)
        if not line.strip() or word[0] == DOCUMENT:
            if sentence:
                yield start, _by_column(sentence)
            sentence = []
            continue
        if len(word) != columns:
            if line.startswith("#") and not sentence:
                continue
            raise DataError(
                f"{path}, line {number}: {len(word)} columns, but the first word of the file has {columns}; give each "
                "word the same columns"
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
