"""golden.json: the examples that every export is checked on, with Keras's numbers and answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError
from kerasbert.schema import from_json
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Graph, Outputs, Task

NAME = "golden.json"
MOST = 4096
"""Most numbers that are recorded of an output with one vector per token: a long text would be megabytes."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What Keras computed for one row.

    Attributes:
        input_ids: its tokens.
        outputs: the numbers by output name.
        places: the tokens whose vectors `outputs` has, the first and the last among them; None: all tokens.
    """

    input_ids: list[int]
    outputs: dict[str, list]
    places: list[int] | None = None


@dataclass(frozen=True, kw_only=True)
class Golden:
    """An example with what Keras answered; the answer is made of the recorded numbers."""

    example: dict[str, str]
    rows: list[Recorded]
    answer: object


def write(model, folder: Path) -> None:
    """Records the task's golden examples with the Keras model's numbers and answers as golden.json.

    Keras answers each example alone, so hardly padded; `.tflite` files answer it padded to their length, and the others
    once alone and once beside longer ones.
    """
    graphs, recorded = model.graphs(), []
    for example in model.task.golden:
        (found,) = model.answered([example])
        places = [places_of(graphs, found, row) for row in range(len(found.rows))]
        outputs = at_places(graphs, found.outputs, places)
        rows = []
        for index, row in enumerate(found.rows):
            numbers = {name: values[index].tolist() for name, values in outputs.items()}
            where = {} if places[index] is None else {"places": places[index]}
            rows.append({"input_ids": list(row.inputs["input_ids"]), **where, "outputs": numbers})
        answer = model.task.decode(example, found.rows, outputs, model.settings)
        recorded.append({"example": dict(example.fields), "rows": rows, "answer": answer})
    (folder / NAME).write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def places_of(graphs: Sequence[Graph], found: Answered, row: int) -> list[int] | None:
    """The tokens of a row that are recorded; None for all of them."""
    sizes = [found.outputs[name][row].size for name in _long(graphs) if name in found.outputs]
    if not sizes:
        return None
    tokens = len(found.rows[row])
    width = max(sizes) // tokens
    count = min(tokens, max(2, MOST // width))
    return np.linspace(0, tokens - 1, count).round().astype(int).tolist()


def at_places(graphs: Sequence[Graph], outputs: Outputs, places: Sequence[list[int] | None]) -> Mapping:
    """Outputs with the recorded tokens only, where an output has one vector per token."""
    long = _long(graphs)
    return {
        name: [value[where] if name in long else value for value, where in zip(values, places, strict=True)]
        for name, values in outputs.items()
    }


def _long(graphs: Sequence[Graph]) -> set[str]:
    return {each.name for graph in graphs for each in graph.outputs if (each.axis, each.bar) == ("token", "vector")}


def read(folder: Path, graphs: Sequence[Graph]) -> list[Golden]:
    """The content of golden.json.

    Raises:
        BundleError: it is missing, not whole, or lacks numbers of the graphs' outputs.
    """
    path = folder / NAME
    try:
        found = from_json(list[Golden], json.loads(path.read_text(encoding="utf-8")), "golden")
        if not found or any(not golden.rows for golden in found):
            raise ValueError("an example without rows" if found else "no examples")
        for row in (row for golden in found for row in golden.rows):
            for each in (each for graph in graphs for each in graph.outputs):
                _check_shape(row, each)
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path}: the recorded answers cannot be read ({error}); export again") from None


def _check_shape(row: Recorded, output) -> None:
    shape = np.asarray(row.outputs[output.name], "float32").shape
    places = range(len(row.input_ids)) if row.places is None else row.places
    if any(not 0 <= place < len(row.input_ids) for place in places):
        raise ValueError(f"places are {places}, but the row has {len(row.input_ids)} tokens")
    tokens = len(places)
    wanted = (output.width,) if output.axis == "row" else (tokens, output.width)
    if shape != wanted:
        raise ValueError(f"{output.name} has the shape {shape}, not {wanted}")


def check_fields(recorded: Sequence[Golden], task: Task, folder: Path) -> None:
    """Raises BundleError: an example lacks a field of the task, or has one that the task does not know."""
    known = [each.name for each in task.fields]
    required = {each.name for each in task.fields if each.required}
    for given in (set(each.example) for each in recorded):
        if not required <= given <= set(known):
            said = f"an example has {', '.join(sorted(given)) or 'no fields'}, but {task.name} takes {', '.join(known)}"
            raise BundleError(f"{folder / NAME}: the recorded answers cannot be read ({said}); export again")


def example_of(golden: Golden) -> Example:
    """The example itself, to be asked again."""
    return Example(golden.example)


def alike(a: object, b: object, task: Task, settings) -> bool:
    """Whether two answers count as equal; an answer of another form does not."""
    try:
        return task.same(a, b, settings)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return False
