"""Right answers as a Keras user has them, such as indices of labels, in the form that a task's `truth` takes."""

from collections.abc import Callable, Sequence

from kerasbert.errors import DataError
from kerasbert.tasks.task import Output


def as_truth(value, output: Output, labels: Sequence[str], place: str):
    """Converts one right answer.

    Args:
        value: for labels that exclude each other the name of a label, its index, or a list of 0 with a 1 in its place;
            for an output per token a list of names or indices, such as one per word. For labels that do not, a list of
            names, or one 0 or 1 per label. For a number the number; for a choice among tokens what the task takes. For
            a choice among an example's texts its number, a list of 0 with a 1 in its place, or its text.
        output: the output that learns from it. Its `bar` says which of these it is.
        labels: the names of the labels.
        place: such as "y[3]", for messages.

    Returns:
        The value in plain Python, with names in place of numbers that stand for labels.

    Raises:
        DataError: a number that stands for no label.
    """
    value = value.tolist() if hasattr(value, "tolist") else value  # of NumPy
    by_row = output.axis in ("row", "example")
    if by_row and isinstance(value, list) and len(value) == 1 and output.bar != "choices":
        value = value[0]  # of an array (rows, 1)
    if by_row and output.bar == "choice" and _is_one_hot(value, len(labels) or None):
        value = list(value).index(1)
    form = _as_it_is if output.axis in ("position", "example") else _FORMS.get(output.bar, _as_it_is)
    return form(value, labels, place)


def _is_one_hot(value, count: int | None) -> bool:
    """Whether a value is a list of 0 with a 1 among them. Args: count: its length; None for any."""
    numbers = isinstance(value, list | tuple) and all(isinstance(each, int | float) for each in value)
    return numbers and count in (len(value), None) and sorted(value) == [0] * (len(value) - 1) + [1]


def _as_it_is(value, labels: Sequence[str], place: str):
    if isinstance(value, dict):  # of a table of Hugging Face's datasets, with arrays inside
        return {name: each.tolist() if hasattr(each, "tolist") else each for name, each in value.items()}
    return value.decode() if isinstance(value, bytes) else value


def _choice(value, labels: Sequence[str], place: str):
    if isinstance(value, list | tuple):
        return [_choice(each, labels, place) for each in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not labels or not isinstance(value, int):  # without labels the right answer is a text
        return _as_it_is(value, labels, place)
    if not 0 <= value < len(labels):
        raise DataError(f"{place}: {value} is not a label; give its name, or its index from 0 to {len(labels) - 1}")
    if str(value) in labels and labels[value] != str(value):
        raise DataError(
            f"{place}: {value} is the index of the label {labels[value]!r}, and {str(value)!r} is the name of another; "
            "give names, as strings"
        )
    return labels[value]


def _choices(value, labels: Sequence[str], place: str):
    value = [value] if isinstance(value, int | float) else value  # of a model with one label
    if not isinstance(value, list | tuple | set | frozenset):
        return _as_it_is(value, labels, place)
    if not value or any(isinstance(each, str | bytes) for each in value):
        return [_as_it_is(each, labels, place) for each in value]
    if len(value) != len(labels) or not set(value) <= {0, 1}:
        raise DataError(
            f"{place}: {value!r:.60} is not a list of names, nor one 0 or 1 for each of {len(labels)} labels"
        )
    return [label for label, given in zip(labels, value, strict=True) if given]


_FORMS: dict[str, Callable] = {"choice": _choice, "choices": _choices}
"""`Output.bar` -> how its right answers are converted. Those of other kinds stay as they are."""
