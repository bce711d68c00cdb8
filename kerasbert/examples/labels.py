"""What a file says of its texts -> numbers, by problem type."""

import math
from collections.abc import Sequence

import numpy as np

from kerasbert.errors import DataError
from kerasbert.examples.readers import LABEL_SEPARATOR, Example


def _name(path, example) -> str:
    """The one label of an example."""
    if isinstance(example.label, list):
        raise DataError(
            f"{path}, line {example.line}: a list of labels; for several a text, choose multi_label_classification"
        )
    return _text(path, example, example.label)


def _names(path, example) -> list[str]:
    """The labels of an example, perhaps none: a JSON list, or text such as "urgent|billing"."""
    if isinstance(example.label, list):
        return [_text(path, example, label) for label in example.label]
    return [name.strip() for name in str(example.label).split(LABEL_SEPARATOR) if name.strip()]


def _text(path, example, label) -> str:
    """A label as text; JSON may also have whole numbers and true or false."""
    name = str(label).strip() if isinstance(label, str | int) else ""
    if not name:
        raise DataError(f"{path}, line {example.line}: {label!r} is no label")
    return name


def _sorted(found: set[str]) -> list[str]:
    """By number where all are whole numbers, else by letters."""
    return sorted(found, key=lambda name: (int(name), name)) if all(n.isdecimal() for n in found) else sorted(found)


def label_names(examples: Sequence[Example], problem_type: str, *, path: str) -> list[str]:
    """The labels of a training file, sorted; regression has one nameless value.

    Raises:
        DataError: no label where there must be one, or too few to learn anything; `path` and the line are named.
    """
    if problem_type == "regression":
        return ["value"]
    if problem_type == "multi_label_classification":
        found = {name for example in examples for name in _names(path, example)}
    else:
        found = {_name(path, example) for example in examples}
    fewest = 2 if problem_type == "single_label_classification" else 1
    if len(found) < fewest:
        raise DataError(f"{path}: labels found: {', '.join(found) or 'none'}; {fewest} at least are needed to learn")
    return _sorted(found)


def _unknown(path, example, name, labels) -> DataError:
    known = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
    return DataError(f"{path}, line {example.line}: unknown label {name!r}; the model knows {known}")


def _single(path, examples, labels) -> np.ndarray:
    number = {name: index for index, name in enumerate(labels)}
    numbers = np.zeros(len(examples), dtype="int32")
    for row, example in enumerate(examples):
        name = _name(path, example)
        if name not in number:
            raise _unknown(path, example, name, labels)
        numbers[row] = number[name]
    return numbers


def _multi(path, examples, labels) -> np.ndarray:
    number = {name: index for index, name in enumerate(labels)}
    targets = np.zeros((len(examples), len(labels)), dtype="float32")
    for row, example in zip(targets, examples, strict=True):
        for name in _names(path, example):
            if name not in number:
                raise _unknown(path, example, name, labels)
            row[number[name]] = 1.0
    return targets


def _regression(path, examples, labels) -> np.ndarray:
    values = np.zeros((len(examples), 1), dtype="float32")
    for row, example in zip(values, examples, strict=True):
        try:
            value = float(example.label)
        except (TypeError, ValueError):
            value = math.nan
        if not abs(value) <= float(np.finfo("float32").max):
            raise DataError(f"{path}, line {example.line}: {example.label!r} is not a finite number")
        row[0] = value
    return values


_TARGETS = {
    "single_label_classification": _single,
    "multi_label_classification": _multi,
    "regression": _regression,
}


def targets(examples: Sequence[Example], labels: Sequence[str], problem_type: str, *, path: str) -> np.ndarray:
    """int32 (texts,) label numbers, float32 (texts, labels) of 0 and 1, or float32 (texts, 1) values.

    Raises:
        DataError: a label that the model does not know, or no number; `path` and the line are named. A model without
            labels.
    """
    if problem_type not in _TARGETS:
        raise DataError(f"{path}: a model without labels ({problem_type}) has nothing to be measured on")
    return _TARGETS[problem_type](path, examples, labels)
