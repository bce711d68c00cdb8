"""What a file says of its texts -> numbers, by problem type."""

import math
from collections.abc import Sequence

import numpy as np

from kerasbert.data.readers import LABEL_SEPARATOR, Example
from kerasbert.errors import DataError


def _names(label) -> list[str]:
    """The names in one multi-label field: a JSON list, or text such as "urgent|billing"."""
    names = label if isinstance(label, list) else str(label).split(LABEL_SEPARATOR)
    return [str(name).strip() for name in names if str(name).strip()]


def _sorted(found: set[str]) -> list[str]:
    """By number where all are whole numbers, else by letters."""
    return sorted(found, key=lambda name: (0, int(name), name)) if all(n.isdecimal() for n in found) else sorted(found)


def label_names(examples: Sequence[Example], problem_type: str) -> list[str]:
    """The labels of a training file, sorted; regression has one nameless value."""
    if problem_type == "regression":
        return ["value"]
    split = _names if problem_type == "multi_label_classification" else lambda label: [str(label)]
    found = _sorted({name for example in examples for name in split(example.label)})
    if len(found) < 2 and problem_type == "single_label_classification":
        raise DataError(f"the training data has one label only ({', '.join(found)}); two at least are needed to learn")
    return found


def _unknown(path, example, name, labels) -> DataError:
    known = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
    return DataError(f"{path}, line {example.line}: unknown label {name!r}; the model knows {known}")


def _single(path, examples, labels) -> np.ndarray:
    number = {name: index for index, name in enumerate(labels)}
    for example in examples:
        if str(example.label) not in number:
            raise _unknown(path, example, str(example.label), labels)
    return np.array([number[str(example.label)] for example in examples], dtype="int32")


def _multi(path, examples, labels) -> np.ndarray:
    number = {name: index for index, name in enumerate(labels)}
    targets = np.zeros((len(examples), len(labels)), dtype="float32")
    for row, example in zip(targets, examples, strict=True):
        for name in _names(example.label):
            if name not in number:
                raise _unknown(path, example, name, labels)
            row[number[name]] = 1.0
    return targets


def _regression(path, examples, labels) -> np.ndarray:
    values = np.zeros((len(examples), 1), dtype="float32")
    for row, example in zip(values, examples, strict=True):
        try:
            row[0] = float(example.label)
        except (TypeError, ValueError):
            row[0] = math.nan
        if not np.isfinite(row[0]):
            raise DataError(f"{path}, line {example.line}: {example.label!r} is not a finite number")
    return values


_TARGETS = {
    "single_label_classification": _single,
    "multi_label_classification": _multi,
    "regression": _regression,
}


def targets(examples: Sequence[Example], labels: Sequence[str], problem_type: str, *, path: str) -> np.ndarray:
    """int32 (texts,) label numbers, float32 (texts, labels) of 0 and 1, or float32 (texts, 1) values.

    Raises:
        DataError: a label that the model does not know, or no number; `path` and the line are named.
    """
    return _TARGETS[problem_type](path, examples, labels)
