"""Reads and writes golden.json: the examples to check every export on, with Keras's numbers and answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError
from kerasbert.export.gate.followed import check_recorded, greedy_answer, recorded_of
from kerasbert.reading import parse, read_text
from kerasbert.runtime.manifest import GOLDEN as NAME
from kerasbert.schema import from_json
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Graph, Outputs, Row, Task

MOST = 4096
"""Largest number of values to record for an output with one vector per token: a long text has megabytes of them."""
FEWEST_WORDS = 100
"""Shorter texts are never cut."""
LAST_WORDS = 8
"""How many words at the end of a text stay where others are left out."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Keras's outputs for one row.

    Attributes:
        input_ids: the row's token ids.
        outputs: output name -> its numbers; of a model that writes texts see `kerasbert.export.gate.followed`.
        places: the positions of the tokens whose vectors are in `outputs`, including the first and the last; None: all.
        offsets: begin and end of each token in its text, in code points; 0 and 0 for special tokens.
        words: the number of each token's word in its text; -1 for special tokens.
        kept: begin and end of the tokens that this row answers, where rows overlap; None: all but the special ones.
            These three are recorded if an output has one vector per token, and are None otherwise.
    """

    input_ids: list[int]
    outputs: dict[str, list]
    places: list[int] | None = None
    offsets: list[list[int]] | None = None
    words: list[int] | None = None
    kept: list[int] | None = None

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.input_ids)

    @property
    def tokens(self) -> dict[str, list]:
        """What is recorded of the tokens, as `tokens_of` gives it."""
        found = {"offsets": self.offsets, "words": self.words, "kept": self.kept}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Golden:
    """An example with Keras's outputs and answer. The answer is decoded from the recorded numbers only.

    A model that writes texts has also the answer of greedy search, in the same form.
    """

    example: dict[str, object]
    rows: list[Recorded]
    answer: object
    greedy: object = None


def write(model, folder: Path) -> None:
    """Writes golden.json: the task's golden examples with the Keras model's numbers and answers.

    Keras runs each example alone, with hardly any padding. The files are later checked with more padding: `.tflite`
    files pad each example to their own length, and the others also run all examples in one batch.
    """
    graphs, recorded = model.graphs(), []
    for example in (shortened(each, model.settings.max_length) for each in model.task.golden):
        (found,) = model.answered([example])
        recorded.append({"example": dict(example.fields), **(_written if writes(graphs) else _numbers)(model, found)})
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in recorded)
    (folder / NAME).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def writes(graphs: Sequence[Graph]) -> bool:
    """Whether graphs write a text together, so that what is recorded is the text and what they compute for it."""
    return len(graphs) > 1


def _written(model, found: Answered) -> dict:
    outputs = recorded_of(model, found)
    ids = [{"input_ids": list(row.inputs["input_ids"])} for row in found.rows]
    return {
        "rows": [{**mine, "outputs": each} for mine, each in zip(ids, outputs, strict=True)],
        "answer": model.task.decode(found.example, found.rows, found.outputs, model.settings),
        "greedy": greedy_answer(model, found.example),
    }


def _numbers(model, found: Answered) -> dict:
    graphs = model.graphs()
    places = [places_of(graphs, found, row) for row in range(len(found.rows))]
    outputs = at_places(graphs, found.outputs, places)
    rows = []
    for index, row in enumerate(found.rows):
        numbers = {name: _short(values[index]) for name, values in outputs.items()}
        where = {} if places[index] is None else {"places": places[index]}
        ids = {"input_ids": list(row.inputs["input_ids"])}
        rows.append({**ids, **tokens_of(graphs, row), **where, "outputs": numbers})
    return {"rows": rows, "answer": model.task.decode(found.example, found.rows, outputs, model.settings)}


def shortened(example: Example, max_length: int) -> Example:
    """An example whose texts have no more words than make two windows or more: 800 words are 8 windows of 128 tokens.

    Words in the middle are left out, because the answer to a question may be at the end.
    """
    most = max(FEWEST_WORDS, 3 * max_length // 2)

    def cut(value):
        words = value.split(" ") if isinstance(value, str) else []
        return " ".join([*words[: most - LAST_WORDS], *words[-LAST_WORDS:]]) if len(words) > most else value

    return replace(example, fields={name: cut(value) for name, value in example.fields.items()})


def _short(numbers: np.ndarray) -> list:
    """float32 numbers as nested lists of the shortest floats that are read as the same float32 numbers."""
    return [_short(each) for each in numbers] if numbers.ndim > 1 else [float(str(each)) for each in numbers]


def tokens_of(graphs: Sequence[Graph], row: Row) -> dict[str, list]:
    """What is recorded of a row's tokens: `offsets`, `words` and `kept` of `Recorded`, as far as they are there."""
    if writes(graphs) or not any(graph.by_token for graph in graphs):
        return {}
    words = [-1 if word is None else word for word in row.encoding.word_ids]
    kept = {} if row.kept is None else {"kept": [row.kept.start, row.kept.stop]}
    return {"offsets": [list(place) for place in row.encoding.offsets], "words": words, **kept}


def places_of(graphs: Sequence[Graph], found: Answered, row: int) -> list[int] | None:
    """The positions of a row's tokens that are recorded; None for all tokens."""
    sizes = [found.outputs[name][row].size for name in _long(graphs) if name in found.outputs]
    if not sizes:
        return None
    tokens = len(found.rows[row])
    width = max(sizes) // tokens
    count = min(tokens, max(2, MOST // width))
    return np.linspace(0, tokens - 1, count).round().astype(int).tolist()


def at_places(graphs: Sequence[Graph], outputs: Outputs, places: Sequence[list[int] | None]) -> Mapping:
    """Reduces outputs with one vector per token to the recorded tokens."""
    long = _long(graphs)
    return {
        name: [value[where] if name in long else value for value, where in zip(values, places, strict=True)]
        for name, values in outputs.items()
    }


def _long(graphs: Sequence[Graph]) -> set[str]:
    return {each.name for graph in graphs for each in graph.outputs if (each.axis, each.bar) == ("token", "vector")}


def read(folder: Path, graphs: Sequence[Graph]) -> list[Golden]:
    """Reads golden.json.

    Raises:
        BundleError: the file is missing or damaged, or lacks numbers of the graphs' outputs.
    """
    path = folder / NAME
    try:
        found = from_json(list[Golden], parse(read_text(path, BundleError)), "golden")
        if not found or any(not golden.rows for golden in found):
            raise ValueError("an example without rows" if found else "no examples")
        for row in (row for golden in found for row in golden.rows):
            if writes(graphs):
                check_recorded(row.outputs, graphs)
                continue
            for each in (each for graph in graphs for each in graph.outputs):
                _check_shape(row, each)
        return found
    except (BundleError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{path}: the recorded answers cannot be read ({error}); export again") from None


def _check_shape(row: Recorded, output) -> None:
    shape = np.asarray(row.outputs[output.name], "float32").shape
    places = range(len(row.input_ids)) if row.places is None else row.places
    if any(not 0 <= place < len(row.input_ids) for place in places):
        raise ValueError(f"places are {places}, but the row has {len(row.input_ids)} tokens")
    tokens = len(places)
    wanted = output.shape(tokens)
    if shape != wanted:
        raise ValueError(f"{output.name} has the shape {shape}, not {wanted}")


def check_fields(recorded: Sequence[Golden], task: Task, folder: Path) -> None:
    """Raises BundleError if an example lacks a required field of the task, has a field that the task lacks, or a value
    of another kind.
    """
    known = {each.name: each for each in task.fields}
    required = {each.name for each in task.fields if each.required}
    for example in (each.example for each in recorded):
        given, said = set(example), ""
        if not required <= given <= set(known):
            said = f"an example has {', '.join(sorted(given)) or 'no fields'}, but {task.name} takes {', '.join(known)}"
        elif wrong := [name for name, value in example.items() if not known[name].holds(value)]:
            said = f"an example has {example[wrong[0]]!r:.60} for {wrong[0]}, which takes {known[wrong[0]].kind}"
        if said:
            raise BundleError(f"{folder / NAME}: the recorded answers cannot be read ({said}); export again")


def example_of(golden: Golden) -> Example:
    """The example itself, without Keras's answer."""
    return Example(golden.example)


def alike(a: object, b: object, task: Task, settings) -> bool:
    """Whether two answers count as equal. Answers of different forms do not."""
    try:
        return task.same(a, b, settings)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return False
