"""Reads a file as examples of a task; each keeps its line for error messages."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.examples.conll import UNTAGGED, conll_rows
from kerasbert.examples.csv import csv_rows, tsv_rows
from kerasbert.examples.jsonl import jsonl_rows
from kerasbert.examples.parallel import pair_of, read_parallel
from kerasbert.examples.squad import squad_rows
from kerasbert.examples.txt import text_rows
from kerasbert.reading import decode, read_bytes
from kerasbert.tasks.fields import Field
from kerasbert.tasks.headers import numbered_headers, trimmed, usual_header
from kerasbert.tasks.task import Example, Task

Rows = Iterator[tuple[int | range | str, dict]]
"""The line that a row begins in, the line of each of its words, counted from 1, or words for its place where lines
say nothing; and its values by column."""
READERS: dict[str, Callable[[Path, str], Rows]] = {
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".jsonl": jsonl_rows,
    ".conll": conll_rows,
}
OWN: dict[str, Callable[[Path, str], Rows]] = {".json": squad_rows, ".txt": text_rows}
"""Further readers, of endings that only a task with this `format` reads."""
PLAIN = (".txt", "")
"""Endings of files with one text per line; standard input has none."""
LANGUAGE = re.compile(r"\.[a-z]{2,3}")
"""The ending of a file with one text per line that is named by its language, such as test.en or test.deu."""
STREAMS = ("/dev/fd/", "/dev/stdin")
"""Pipes that the shell opens for this process, as `<(...)` does; another pipe may never end."""
TRUTH = "label"
"""The word for the right answer in `--label-column`."""


def read_examples(
    path: str | Path, task: Task, *, columns: Mapping[str, str | None] | None = None, labelled: bool = True
) -> list[Example]:
    """Reads `.csv` or `.tsv` with a header line, `.jsonl` with one object per line, `.conll` with one word per line, or
    `.json` as SQuAD has it; of a task that learns from texts alone also `.txt` with one text per line.

    A file with another ending is read as the task's `format` says. "train.en,train.de" names two files, whose lines are
    texts and their right answers (`kerasbert.examples.parallel.read_parallel`).

    Args:
        path: the file, UTF-8; a byte-order mark is skipped.
        task: says which fields an example has and the usual names of their columns.
        columns: the names in this file by option: `{"text": ..., "pair": ..., "label": ...}` for texts. None looks for
            the usual names, in lower or upper case. For a list of texts, "ending" names the columns ending0, ending1,
            ..., each of which holds one text.
        labelled: whether a file without right answers is an error.

    Raises:
        DataError: naming the file, the line and the mend.
    """
    task = task.to_train() if labelled else task
    path, chosen, pair = Path(path), _named(task, columns), pair_of(path)
    if pair:
        if any(chosen.values()):
            raise DataError(f"{path}: two files have no columns to name; leave the names out")
        return read_parallel(*pair, task)
    rows = list(_rows(path, task, labelled))
    if not rows:
        raise DataError(f"{path}: holds no rows")
    names = list(dict.fromkeys(name for _, row in rows for name in row))  # a JSON line may lack any
    for each in task.fields:
        if each.kind == "number" and not chosen.get(each.option) and usual_header(names, each.columns) is None:
            raise DataError(f"{path}: no column {each.name!r} among {', '.join(names)}; the model takes this number")
    places = {each.name: _place(path, names, chosen.get(each.option), each) for each in task.fields}
    known = labelled and not task.drawn
    needed = known and not task.unlabelled
    truth = _column(path, names, chosen.get(TRUTH), task.truths, TRUTH, required=needed)
    beside = usual_header(names, task.beside)
    examples = []
    for place, row in rows:
        example = _placed(path, place)
        fields = {
            each.name: _field(example.place, row, places[each.name], each)
            for each in task.fields
            if places[each.name] is not None
        }
        if known and truth is not None and row.get(truth) is None:
            raise DataError(f"{example.place}: no value in {truth!r}; give it one, or [] for an empty list")
        examples.append(replace(example, fields=fields, truth=task.joined(row.get(truth), row.get(beside))))
    return task.to_learn(examples) if labelled else examples


def read_unlabelled(path: str | Path, task: Task, *, columns: Mapping[str, str | None] | None = None) -> list[Example]:
    """Reads examples without right answers: any file of `read_examples`; `.txt`, a file named by its language, such as
    test.en, or "-" for standard input, with one text per line. A blank line is an empty text, so that answers and lines
    keep the same numbers.

    Raises:
        DataError: naming the file, the line and the mend.
    """
    path = Path(path)
    ending = path.suffix.lower()
    plain = ending in PLAIN or (LANGUAGE.fullmatch(ending) and ending not in _readers(task) and not task.format)
    if pair_of(path) or not plain:
        return read_examples(path, task, columns=columns, labelled=False)
    named = next((name for name in _named(task, columns).values() if name), None)
    if named:
        raise DataError(f"{path}: plain text has no column {named!r}; it has one text per line")
    required = [each for each in task.fields if each.required]
    if not _is_line(required):
        listed = " and ".join(each.name for each in required)
        raise DataError(f"{path}: plain text has no place for {listed}; use {', '.join(_readers(task))}")
    # Only a line feed ends a line: a text may hold U+2028 and other breaks that splitlines() knows.
    lines = _decode(path).replace("\r\n", "\n").removesuffix("\n").split("\n")
    if not any(map(str.strip, lines)):
        raise DataError(f"{'standard input' if path == Path('-') else path}: holds no text")
    return [Example({required[0].name: text}, None, line, str(path)) for line, text in enumerate(lines, 1)]


def columns_of_texts(task: Task, columns: Mapping[str, str | None]) -> dict[str, str | None]:
    """The columns that a file without right answers has, of those that are named for it and for a labelled file.

    Raises:
        DataError: neither file has such a column.
    """
    _named(replace(task, fields=(*task.fields, *task.to_train().fields)), columns)
    return {each.option: columns.get(each.option) for each in task.fields}


def _is_line(required: list[Field]) -> bool:
    """Whether a line of plain text can be a whole example. Args: required: the fields that an example must have."""
    return len(required) == 1 and required[0].holds("")


def _named(task: Task, columns: Mapping[str, str | None] | None) -> dict[str, str | None]:
    words = dict.fromkeys((*(each.option for each in task.fields), TRUTH))
    unknown = [word for word, name in (columns or {}).items() if name is not None and word not in words]
    if unknown:
        raise DataError(f"{task.name} has no column for {unknown[0]!r}: name {', '.join(words)}")
    return dict(columns or {})


def _decode(path: Path) -> str:
    if path == Path("-"):
        content = sys.stdin.buffer.read()
    elif str(path).startswith(STREAMS):
        content = path.read_bytes()
    else:
        content = read_bytes(path, DataError)
    return decode(path, content, DataError)


def _readers(task: Task) -> dict[str, Callable[[Path, str], Rows]]:
    """The readers of a task's files, by ending. Only words stand one on a line."""
    words = any("words" in each.kind for each in task.fields)
    usual = {ending: reader for ending, reader in READERS.items() if words or ending != ".conll"}
    return {**usual, **{ending: reader for ending, reader in OWN.items() if ending == task.format}}


def _rows(path: Path, task: Task, labelled: bool) -> Rows:
    known = _readers(task)
    ending = path.suffix.lower()
    foreign = path.is_dir() or ending in READERS.keys() - known.keys()
    reader = known.get(ending) or (None if foreign else known.get(task.format))
    if ending in OWN.keys() - known.keys() - set(PLAIN):
        mend = "write one object per line, as .jsonl"
        raise DataError(f"{path}: files named {path.suffix!r} are not read for {task.name}; {mend}")
    if reader is None:
        named = f"files named {path.suffix!r}" if path.suffix else "files without an ending"
        what = "folders" if path.is_dir() else named
        lines = not labelled and _is_line([each for each in task.fields if each.required])
        further = ".txt with one text per line" if lines else task.words.files if labelled else ""
        use = f"{', '.join(known)}{further and f', or {further}'}"
        raise DataError(f"{path}: {what} are not read for {task.name}; use {use}")
    return reader(path, _decode(path))


def _place(path, columns, wanted, field: Field) -> str | tuple[str, ...] | None:
    """A field's column, or its columns if each holds one text of a list."""
    numbered = numbered_headers(columns, field.columns, wanted) if "texts" in field.kind else ()
    return numbered or _column(path, columns, wanted, field.columns, field.option, required=field.required)


def _column(path, columns, wanted, usual, role, *, required) -> str | None:
    if wanted is not None and wanted not in columns:
        raise DataError(f"{path}: no column {wanted!r}; it has {', '.join(columns)}")
    found = wanted or usual_header(columns, usual)
    if found is None and required:
        if tuple(columns) == UNTAGGED:
            raise DataError(f"{path}: no {role} column, only words; add a tag behind each word and a space")
        raise DataError(f"{path}: no {role} column among {', '.join(columns)}; name it with --{role}-column")
    return found


def _placed(path: Path, place: int | range | str) -> Example:
    """An example that has its place only."""
    if isinstance(place, str):
        return Example({}, path=str(path), spot=place)
    return (
        Example({}, line=place[0], path=str(path), lines=place)
        if isinstance(place, range)
        else Example({}, line=place, path=str(path))
    )


def _field(place: str, row, column, field: Field) -> str | list[str] | float | list[float]:
    value = field.read(row.get(column) if isinstance(column, str) else trimmed(map(row.get, column)))
    if not field.holds(value):
        raise DataError(f"{place}: no {field.wanted} in {column!r} (found {value!r})")
    if field.lacks(value):
        raise DataError(f"{place}: {column!r} is empty; give it some text")
    return value
