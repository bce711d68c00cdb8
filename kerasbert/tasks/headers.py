"""Usual headers of columns: of a file and of a DataFrame alike, whatever their case."""

import re
from collections.abc import Iterable, Sequence

TEXT = ("text", "sentence", "sentence1", "question1", "premise", "review", "content", "#1 String")
PAIR = ("text_pair", "pair", "sentence2", "question2", "hypothesis", "#2 String")
LABEL = ("label", "labels", "category", "class", "target", "sentiment", "score", "Quality")
WORDS = ("text", "sentence", "words", "tokens", "review", "content")
TAGS = ("tags", "ner_tags", "labels", "entities", "spans", "label")


def usual_header(headers: Sequence, usual: Sequence[str]) -> object | None:
    """The header with the first of the usual names, whatever its case; of two, the one in the case of the name.

    Args:
        headers: names of columns. Those of a DataFrame may be no strings; these are never usual.
        usual: a tuple of this module, or other names.

    Returns:
        One of `headers`; None if none has a usual name.
    """
    named = [header for header in headers if isinstance(header, str)]
    by_name = {header.strip().casefold(): header for header in named} | {header: header for header in named}
    return next((by_name[name] for each in usual for name in (each, each.casefold()) if name in by_name), None)


def numbered_headers(headers: Sequence, usual: Sequence[str], wanted: str | None = None) -> tuple:
    """The headers of columns that hold one text each of a list, such as choice1, choice2, ..., by their numbers.

    Args:
        headers: names of columns.
        usual: usual names of a column with the whole list, such as "choices". The first one counts of which there are
            two numbered columns or more, with or without its "s", whatever their case.
        wanted: the name that the user gives, such as "choice"; None for none.

    Returns:
        Some of `headers`; none if a column has the whole list, or if there are no such columns.
    """
    if wanted in headers or (wanted is None and usual_header(headers, usual) is not None):
        return ()
    for name in usual if wanted is None else (wanted,):
        form = re.compile(rf"{re.escape(name.removesuffix('s'))}s?[ _-]?(\d+)", re.IGNORECASE)
        found = {header: form.fullmatch(header.strip()) for header in headers if isinstance(header, str)}
        numbers = {header: int(match[1]) for header, match in found.items() if match}
        if len(numbers) > 1:
            return tuple(sorted(numbers, key=numbers.get))
    return ()


def trimmed(values: Iterable) -> list:
    """The texts in the numbered columns of a row, as a list. Those at the end that are missing are left out."""
    values = list(values)
    while values and _is_missing(values[-1]):
        values.pop()
    return values


def _is_missing(value) -> bool:
    """Whether a cell is empty, in a file or in a DataFrame."""
    return not value.strip() if isinstance(value, str) else str(value) in ("None", "nan", "<NA>")
