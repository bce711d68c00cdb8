"""Texts and right answers as a Keras user has them (lists, arrays, columns of a DataFrame) become examples."""

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.tasks.amounts import as_weight
from kerasbert.tasks.fields import Field
from kerasbert.tasks.headers import numbered_headers, trimmed, usual_header
from kerasbert.tasks.task import Example, Graph, Task, labels_of
from kerasbert.tasks.truths import as_truth

_TAKEN = (
    "give texts (a list, an array of strings, a column of a DataFrame, a tf.data.Dataset of strings), or a dict of ids"
)
"""What `x` may be, for messages."""


def is_dataset(x) -> bool:
    """Whether this is a `tf.data.Dataset`, of texts or not."""
    return hasattr(x, "element_spec")


def is_texts(x, inputs: Collection[str]) -> bool:
    """Whether data are texts.

    Args:
        x: data for `fit`, `evaluate` or `predict` of a Keras model.
        inputs: the names of the model's inputs; a dict of these has ids.
    """
    if is_dataset(x):
        spec = x.element_spec[0] if isinstance(x.element_spec, tuple) else x.element_spec
        parts = spec.values() if isinstance(spec, Mapping) else spec if isinstance(spec, tuple) else [spec]
        return any(getattr(each, "dtype", None) == "string" for each in parts)
    if isinstance(x, Mapping):
        return not x.keys() <= set(inputs)
    if isinstance(x, list | tuple):
        # Keras takes a list of arrays. A list of anything else is texts, of which some may be no strings.
        return not any(map(_is_array, x)) or any(is_texts(each, inputs) for each in x)
    if isinstance(x, str | Example) or _is_frame(x):
        return True
    if not hasattr(x, "__array__"):
        return False
    x = np.asarray(x[:1] if _is_array(x) else x)
    return x.dtype.kind in "OSTU" or x.shape == (0,)


def check_readable(x, inputs: Collection[str]) -> None:
    """Checks data that are no texts: whether they can be the inputs of an encoder, of which there are several.

    Raises:
        TokenizerError: they are one array or one tensor, a set, no data at all, or batches of texts that nothing reads.
    """
    held = x
    if is_dataset(x):
        held = x.element_spec[0] if isinstance(x.element_spec, tuple) else x.element_spec
    kind = ""
    if hasattr(held, "dtype"):
        kind = f"{'a data set' if is_dataset(x) else 'an array'} of {getattr(held.dtype, 'name', held.dtype)}"
    elif isinstance(x, set | frozenset | bytes | int | float | None):
        kind = f"{x!r:.60} ({type(x).__name__})"
    elif hasattr(x, "num_batches") and hasattr(x, "__getitem__"):  # a PyDataset of Keras
        check_batch(x[0], inputs)
    if kind:
        raise TokenizerError(f"x is {kind}: {_TAKEN}")


def check_batch(batch, inputs: Collection[str]) -> None:
    """Checks a batch of a generator or a PyDataset, which Keras reads.

    Raises:
        TokenizerError: it has texts.
    """
    if is_texts(batch[0] if isinstance(batch, tuple) else batch, inputs):
        raise TokenizerError(f"x gives batches of texts: {_TAKEN}")


def check_indices(y) -> None:
    """Checks right answers that come with ids.

    Raises:
        DataError: they are names of labels.
    """
    kind = getattr(getattr(y, "dtype", None), "kind", "")
    if (isinstance(y, list | tuple) and any(isinstance(each, str | bytes) for each in y)) or kind in ("U", "S", "O"):
        raise DataError(f"y has names, such as {y[0]!r:.60}: with ids give indices of labels, or give texts")


def _is_array(x) -> bool:
    """Whether this is an array, a tensor or a column, with at least one axis."""
    return len(getattr(x, "shape", ())) > 0


def check_columns(x, columns: Mapping[str, str | None]) -> None:
    """Checks that data have columns to choose, if some are chosen: they are a file or a DataFrame.

    Raises:
        ConfigError: columns of other data are named.
    """
    named = [word for word, name in columns.items() if name is not None]
    if named and not isinstance(x, str | os.PathLike) and not _is_frame(x):
        raise ConfigError(f"{named[0]}_column is given, but only files and DataFrames have columns; leave it out")


def examples_of(
    task: Task,
    settings,
    graph: Graph,
    x,
    y=None,
    sample_weight=None,
    *,
    columns: Mapping[str, str | None] | None = None,
) -> list[Example]:
    """Makes examples of columns.

    Args:
        task, settings: the task and its settings.
        graph: the model's graph.
        x: texts, a tuple or a dict of columns, an array (examples, fields), a DataFrame, or a list of examples, to
            which `y` may be added.
        y: a right answer per example (see `kerasbert.tasks.truths`), or a dict of arrays by output name; None: unknown.
            If the task makes no targets, these are arrays. None with a DataFrame: its column of right answers, if any.
        sample_weight: one finite number from 0 per example.
        columns: names of the DataFrame's columns by option, as in `kerasbert.examples.readers.read_examples`.

    Raises:
        DataError: a value is no right answer or no weight, or columns differ in length.
        TokenizerError: a text is not a string, or the columns do not fit the task.
    """
    place = "y"
    if _is_frame(x):
        x, truth, name = _of_frame(x, task, columns or {})
        if y is None and truth is not None:
            y, place = truth, name
    examples = x if _are_examples(x) else task.examples(_in_tuples(_plain(x), task))
    if y is not None:
        truths = _truths(y, task, settings, graph, len(examples), place)
        examples = [
            dataclasses.replace(example, truth=truth, path=f"{place}[{index}]", spot="", lines=())
            for index, (example, truth) in enumerate(zip(examples, truths, strict=True))
        ]
    if sample_weight is not None:
        weights = _rows(sample_weight, len(examples), "sample_weight")
        examples = [
            dataclasses.replace(example, weight=as_weight(weight, f"sample_weight[{index}]", DataError))
            for index, (example, weight) in enumerate(zip(examples, weights, strict=True))
        ]
    return examples


def split(examples: list[Example], share: float) -> tuple[list[Example], list[Example]]:
    """Cuts off the last share of the examples, as Keras does.

    Raises:
        ConfigError: one of the sides has no examples.
    """
    first = int(np.floor(len(examples) * (1.0 - share)))
    if not 0 < first < len(examples):
        raise ConfigError(f"validation_split is {share}: of {len(examples)} texts it leaves none on one side")
    return examples[:first], examples[first:]


def _truths(y, task: Task, settings, graph: Graph, count: int, place: str) -> list:
    names = [each.name for each in graph.outputs]
    if isinstance(y, Mapping) and task.targets is not None and y.keys() == set(names[:1]):
        y = y[names[0]]
    if isinstance(y, Mapping) and not y.keys() <= set(names):
        raise DataError(f"{place} has the keys {', '.join(map(str, y))}: use the model's outputs, {', '.join(names)}")
    if isinstance(y, Mapping):
        columns = [_rows(values, count, f"{place}[{name!r}]") for name, values in y.items()]
        return [dict(zip(y, values, strict=True)) for values in zip(*columns, strict=True)]
    rows = _rows(y, count, place)
    if task.targets is None:
        return rows
    labels = labels_of(settings)
    return [as_truth(value, graph.outputs[0], labels, f"{place}[{index}]") for index, value in enumerate(rows)]


def _rows(values, count: int, place: str) -> Sequence:
    """A column of right answers, as a list of Python values or as an array."""
    for method in ("numpy", "to_numpy"):  # of tensors, and of pandas and polars
        if hasattr(values, method):
            values = getattr(values, method)()
    column = hasattr(values, "__len__") and getattr(values, "ndim", 1) > 0
    if not column or isinstance(values, str | bytes | set | frozenset):
        raise DataError(f"{place} is {values!r:.60}: give one value for each of {count} texts")
    if len(values) != count:
        raise DataError(f"{count} texts, but {len(values)} values in {place}; each text needs one")
    return values


def _are_examples(x) -> bool:
    return isinstance(x, list) and bool(x) and isinstance(x[0], Example)


def _is_frame(x) -> bool:
    """Whether this is a DataFrame, of pandas, polars or another package."""
    return hasattr(x, "columns") and hasattr(x, "__getitem__")


def _of_frame(frame, task: Task, columns: Mapping[str, str | None]) -> tuple[dict, object, object]:
    """The columns of a DataFrame by field, its column of right answers, and the name of this one, or None for both."""
    names, chosen = list(frame.columns), dict(columns)
    found = {each.name: _place(names, chosen.pop(each.option, None), each) for each in task.fields}
    truth = _column(names, chosen.pop("label", None), task.truths)
    if chosen:
        raise DataError(f"{task.name} has no column for {next(iter(chosen))!r}")
    for each in task.fields:
        if each.required and found[each.name] is None:
            listed = ", ".join(map(str, names))
            raise DataError(f"no {each.option} column among {listed}; rename it to {each.columns[0]!r}, or give a list")
    fields = {name: _values(frame, column) for name, column in found.items() if column is not None}
    beside = usual_header(names, task.beside)
    if truth is None or beside is None:
        return fields, None if truth is None else frame[truth], truth
    return fields, [task.joined(*values) for values in zip(frame[truth], frame[beside], strict=True)], truth


def _place(names: list, wanted: str | None, field: Field) -> str | tuple[str, ...] | None:
    """A field's column, or its columns if each holds one text of a list."""
    numbered = numbered_headers(names, field.columns, wanted) if "texts" in field.kind else ()
    return numbered or _column(names, wanted, field.columns)


def _values(frame, place: str | tuple[str, ...]):
    """A column, or the lists of the texts in several."""
    if isinstance(place, tuple):
        return [trimmed(texts) for texts in zip(*(frame[column] for column in place), strict=True)]
    return frame[place]


def _column(names: list, wanted: str | None, usual: Sequence[str]) -> str | None:
    if wanted is not None and wanted not in names:
        raise DataError(f"the DataFrame has no column {wanted!r}; it has {', '.join(map(str, names))}")
    return wanted or usual_header(names, usual)


def _plain(x):
    """Columns as lists of strings, from arrays of strings or bytes and the like."""
    if isinstance(x, Mapping):
        return {name: _plain(column) for name, column in x.items()}
    if isinstance(x, tuple) and not all(isinstance(each, str) for each in x):
        return tuple(map(_plain, x))
    x = x.numpy() if hasattr(x, "numpy") else x
    x = x.tolist() if isinstance(x, np.ndarray) else x
    if isinstance(x, list) and any(isinstance(each, bytes | list) for each in x):
        return [_plain(each) if isinstance(each, list) else _decoded(each) for each in x]
    return x


def _in_tuples(x, task: Task):
    """Rows that are lists, as of an array (examples, fields), as tuples; a list may also be the words of a text."""
    if not isinstance(x, list) or task.fields[0].holds([]):
        return x
    return [tuple(each) if isinstance(each, list) else each for each in x]


def _decoded(text):
    try:
        return text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise TokenizerError(f"the text {text!r:.60} is not UTF-8") from None
