"""The texts of a call, in one of the forms that users have them in, become the fields of examples."""

from collections.abc import Mapping, Sequence

from kerasbert.errors import TokenizerError
from kerasbert.tasks.fields import Field, column_of


def fields_of(task: str, fields: Sequence[Field], columns: tuple, named: Mapping) -> list[dict[str, object]]:
    """The fields of each example by name. Arguments as those of `kerasbert.tasks.task.Task.examples`.

    Args:
        task: the name of the task, for messages.
        fields: the parts of an example.

    Raises:
        TokenizerError: columns have different lengths, there are too many, a value is not what the field holds, or a
            field is missing, unknown or given twice.
    """
    names = [each.name for each in fields]
    given = _by_name(task, names, columns, named)
    by_name = {each.name: each for each in fields}
    given = {name: column_of(by_name[name], values) for name, values in given.items() if values is not None}
    counts = {name: len(values) for name, values in given.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} in {name}" for name, count in counts.items())
        raise TokenizerError(f"{task}: {listed}; each example needs one value of each")
    missing = [each.name for each in fields if each.required and each.name not in given]
    if missing:
        raise TokenizerError(f"{task} needs {missing[0]}")
    return [dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True)]


def _by_name(task: str, names: Sequence[str], columns: tuple, named: Mapping) -> dict[str, object]:
    """The columns by the name of their field."""
    if len(columns) == 1 and isinstance(columns[0], Mapping):
        columns, named = (), {**columns[0], **named}
    if len(columns) == 1 and isinstance(columns[0], tuple) and not all(isinstance(x, str) for x in columns[0]):
        columns = columns[0] if len(names) > 1 else columns
    if len(columns) == 1 and isinstance(columns[0], list) and all(isinstance(x, tuple) for x in columns[0]):
        sizes = sorted({len(values) for values in columns[0]})
        if len(sizes) > 1 or sizes == [0]:
            listed = " and of ".join(map(str, sizes))
            raise TokenizerError(f"{task}: rows of {listed} values; each example needs one value of each")
        columns = tuple(map(list, zip(*columns[0], strict=True))) or ([],)
    unknown = [f"{name!r}" for name in named if name not in names]
    if len(columns) > len(names) or unknown:
        found = ", ".join(unknown) or f"{len(columns)} columns"
        raise TokenizerError(f"{task} takes {', '.join(names)}, not {found}")
    given = dict(zip(names, columns, strict=False))
    twice = [name for name in named if name in given]
    if twice:
        raise TokenizerError(f"{task}: {twice[0]} is given twice")
    return given | dict(named)
