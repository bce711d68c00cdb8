"""The fields of an example: their names in files and on the command line, and what each of them holds."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from numbers import Real

import numpy as np

from kerasbert.errors import TokenizerError


def _is_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _texts(value: object) -> object:
    """Lists of texts, also those of NumPy and those in JSON in the cell of a file. Other values stay as they are."""
    value = value.tolist() if hasattr(value, "tolist") else value
    with suppress(ValueError, RecursionError):
        return json.loads(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _number(value: object) -> object:
    """Numbers, also those of NumPy and those in a text file, as floats. Other values stay as they are."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list | tuple):
        return [_number(each) for each in value]
    try:
        return float(value) if isinstance(value, str | Real) else value
    except ValueError:
        return value


_READ: dict[str, Callable[[object], object]] = {"number": _number, "texts": _texts, "text or texts": _texts}
"""Kind of a field -> the form that a value of a file or of NumPy has in it."""
KINDS_OF_FIELDS: dict[str, Callable[[object], bool]] = {
    "text": lambda value: isinstance(value, str),
    "words": _is_words,
    "text or words": lambda value: isinstance(value, str) or _is_words(value),
    "texts": _is_words,
    "text or texts": lambda value: isinstance(value, str) or _is_words(value),
    "number": lambda value: _is_number(value) or (isinstance(value, list) and all(map(_is_number, value))),
}
"""What a field can hold -> whether a value is that."""


@dataclass(frozen=True)
class Field:
    """A part of an example, with its names in files and on the command line.

    Attributes:
        columns: usual names of its column; the first one that a file has is used.
        option: the word in `--WORD-column`.
        required: whether every example has it.
        filled: whether an empty text is an error.
        kind: what it holds, a key of `KINDS_OF_FIELDS`: "text", "words" for a list of words, "text or
            words", "texts" for a list of texts, "text or texts", or "number" for a float or a list of floats.
        width: how many numbers it holds; 0 for any.

    Raises:
        ValueError: an unknown kind.
    """

    name: str
    columns: tuple[str, ...]
    option: str
    required: bool = True
    filled: bool = False
    kind: str = "text"
    width: int = 0

    def __post_init__(self):
        if self.kind not in KINDS_OF_FIELDS:
            raise ValueError(f"field {self.name!r} is of the kind {self.kind!r}: use {', '.join(KINDS_OF_FIELDS)}")

    def holds(self, value: object) -> bool:
        """Whether a value is of the field's kind."""
        size = len(value) if isinstance(value, list) else 1
        return KINDS_OF_FIELDS[self.kind](value) and self.width in (0, size)

    def lacks(self, value: object) -> bool:
        """Whether a value is an empty text where it must not be."""
        return self.filled and isinstance(value, str) and not value.strip()

    def read(self, value: object) -> object:
        """A value of a file or of NumPy, in the form that the field holds, if it has that kind."""
        if self.kind in _READ:
            return _READ[self.kind](value)
        return value.tolist() if isinstance(value, np.ndarray) and self.holds([]) else value

    @property
    def wanted(self) -> str:
        """What it holds, for messages."""
        if self.width > 1:
            return f"list of {self.width} numbers"
        return self.kind.replace("words", "list of words").replace("texts", "list of texts")


def column_of(field: Field, values) -> list:
    """Converts a column to a list of the field's values; a single string or list of texts is a column of one.

    Raises:
        TokenizerError: a value is not what the field holds.
    """
    one_number = field.kind == "number" and isinstance(values, Real)
    one_list = field.kind == "texts" and field.holds(values) and len(values) > 0
    if isinstance(values, str) or one_number or one_list:
        values = [values]
    if not isinstance(values, Iterable) or isinstance(values, bytes | set | frozenset):
        wanted = "a number or a list of numbers" if field.kind == "number" else "a string or a list of strings"
        raise TokenizerError(f"{field.name} is {values!r:.60} ({type(values).__name__}), not {wanted}")
    values = [field.read(value) for value in values]
    for index, value in enumerate(values):
        if not field.holds(value):
            wanted = "a string" if field.kind == "text" else f"a {field.wanted}"
            raise TokenizerError(f"{field.name}[{index}] is {value!r:.60} ({type(value).__name__}), not {wanted}")
        if field.lacks(value):
            raise TokenizerError(f"{field.name}[{index}] is empty; give it some text")
    return values
