"""The parts of a task: examples become rows, rows become outputs, outputs become answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field

import numpy as np

from kerasbert.errors import TokenizerError

Outputs = Mapping[str, Sequence[np.ndarray]]
"""Output name -> one array per row; an output with a vector per token is cut to the row's own tokens."""
Run = Callable[[dict], Mapping[str, Sequence[np.ndarray]]]
"""A batch by input name -> outputs by name, the batch on axis 0."""


@dataclass(frozen=True)
class Example:
    """One thing to answer, or to learn from.

    Attributes:
        fields: field name -> text, such as `{"text": ...}` or `{"text": ..., "text_pair": ...}`.
        truth: the right answer as its file states it; None where nothing is known.
        line: where it stands in `path`, counted from 1; 0 where it comes from no file.
    """

    fields: Mapping[str, object]
    truth: object = None
    line: int = 0
    path: str = ""

    @property
    def place(self) -> str:
        """The beginning of an error about this example."""
        return f"{self.path}, line {self.line}" if self.line else self.path or "an example"


@dataclass(frozen=True)
class Row:
    """What a model sees at once. Several rows may belong to one example, such as the windows of a long text.

    Attributes:
        example: the example that it is a part of.
        inputs: input name -> ids, unpadded.
        encoding: the tokens with their offsets in the text, in code points (`tokenizers.Encoding`).
    """

    example: Example
    inputs: Mapping[str, Sequence[int]]
    encoding: object = None

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.inputs["input_ids"])


@dataclass(frozen=True)
class Input:
    """An input of a graph.

    Attributes:
        axis: what its second axis counts: "token", the name of another input, "row" for one number per row, or "text"
            for a file that takes the texts themselves.
        pad: fills the places behind a row's own.
    """

    name: str
    axis: str = "token"
    pad: int = 0


@dataclass(frozen=True)
class Output:
    """An output of a graph, float32.

    Attributes:
        axis: "row" for one vector per row, "token" for one per token.
        bar: the kind of numbers, which decides how the parity gate compares them (`kerasbert.export.gate.bars`):
            "choice" (logits of labels that exclude each other), "choices" (logits of labels that do not), "number", or
            "vector".
        width: size of the last axis.
    """

    name: str
    axis: str
    bar: str
    width: int = 0


@dataclass(frozen=True)
class Graph:
    """A function that a model file computes; a task whose answers take several calls has several graphs."""

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    def __post_init__(self):
        for part in (self.inputs, self.outputs):
            names = [each.name for each in part]
            if not names or len(set(names)) != len(names):
                raise ValueError(f"graph {self.name!r} has the inputs or outputs {names}: each needs a name of its own")

    @property
    def by_token(self) -> tuple[str, ...]:
        """The outputs that have one vector per token."""
        return tuple(output.name for output in self.outputs if output.axis == "token")


MODEL_INPUTS = (Input("input_ids"), Input("attention_mask"), Input("token_type_ids"))
"""The inputs of an encoder; a model without segments lacks the last."""


@dataclass(frozen=True)
class Field:
    """A part of an example, as files and the command line call it.

    Attributes:
        columns: the usual names of its column; the first one that a file has is taken.
        option: the word in `--WORD-column`.
        required: whether every example has it.
    """

    name: str
    columns: tuple[str, ...]
    option: str
    required: bool = True


def option(default=MISSING, *, help: str, choices: Sequence[str] = ()):
    """A field of a task's settings that is also an option of `kerasbert finetune`.

    Args:
        help: what the option says. choices: its values; empty for any text.
    """
    return field(default=default, metadata={"help": help, "choices": tuple(choices)})


@dataclass(frozen=True)
class Words:
    """What people read about a task.

    Attributes:
        title: heads the report. verb: names the SavedModel's signature for texts. gives: completes "it gives ...".
        teaches: the first line of `kerasbert finetune TASK --help`; empty where there is nothing to learn.
    """

    title: str
    verb: str
    gives: str
    teaches: str = ""


def labels_of(settings) -> tuple[str, ...]:
    """The names of labels in settings that have some."""
    return tuple(getattr(settings, "labels", ()))


def alone(rows: Sequence[Row]) -> list[list[Row]]:
    """Every row is a group by itself: its loss needs no other row."""
    return [[row] for row in rows]


def run_model(runs: Mapping[str, Run], batch: dict, settings) -> Mapping[str, Sequence[np.ndarray]]:
    """One call of the only graph."""
    return runs["model"](batch)


def as_given(examples, rows, outputs, settings):
    """Nothing is tuned on held-out examples."""
    return settings


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task. `settings` below is always an instance of `Settings`.

    Attributes:
        name: in config.json, kerasbert.json and on the command line.
        Settings: a frozen dataclass with `max_length` among its fields; it is written whole into kerasbert.json.
        fields: the parts of an example.
        truths: the usual names of the column with the right answers; empty for a task that learns nothing from files.
        golden: examples that every export is checked on.
        calibration: examples that integer activations are measured on where the user gives none.
        words: what people read about it.
        headline: the figure that a quantised file may lose points of; "" for none.
        contract: MediaPipe's task for such files; "" where it has none.
        graphs: settings -> the graphs, with every input and output that a model of the task may have.
        rows: tokenizer, example, settings -> the example's rows.
        truth: example, settings -> its right answer in the form that `targets` and `figures` take. Raises DataError.
        observe: training examples, values of settings that are known -> those that the examples decide, such as the
            labels.
        targets: tokenizer, row, settings -> inputs, targets and weights, aligned with the row.
        group: rows -> groups of rows that share a batch and a loss.
        infer: runs by graph name, batch, settings -> outputs of the batch.
        decode: example, its rows, their outputs, settings -> answer.
        same: two answers, settings -> whether they count as equal.
        tune: examples, rows, outputs, settings -> settings that answer held-out examples best.
        figures: answers, examples, settings -> figures by name.
    """

    name: str
    Settings: type
    fields: tuple[Field, ...]
    truths: tuple[str, ...] = ()
    golden: tuple[Example, ...]
    calibration: tuple[Example, ...]
    words: Words
    headline: str = ""
    contract: str = ""
    graphs: Callable[[object], tuple[Graph, ...]]
    rows: Callable[[object, Example, object], list[Row]]
    truth: Callable[[Example, object], object] = lambda example, settings: example.truth
    observe: Callable[[Sequence[Example], Mapping], Mapping] = lambda examples, known: {}
    targets: Callable[[object, Row, object], tuple] | None = None
    group: Callable[[Sequence[Row]], list[list[Row]]] = alone
    infer: Callable[[Mapping[str, Run], dict, object], Mapping] = run_model
    decode: Callable[[Example, Sequence[Row], Outputs, object], object]
    same: Callable[[object, object, object], bool]
    tune: Callable = as_given
    figures: Callable[[Sequence, Sequence[Example], object], dict[str, float]] | None = None

    def examples(self, *columns, **named) -> list[Example]:
        """Examples from values as a program has them.

        Args:
            columns: one sequence of texts (or one text) per field, in the order of `fields`; None for a field that
                the examples lack. A list of tuples holds all fields of an example in each tuple.
            named: the same by field name.

        Raises:
            TokenizerError: columns of different lengths, too many columns, or a field that is unknown or given twice.
        """
        names = [each.name for each in self.fields]
        if len(columns) == 1 and isinstance(columns[0], list) and all(isinstance(x, tuple) for x in columns[0]):
            sizes = sorted({len(values) for values in columns[0]})
            if len(sizes) > 1 or sizes == [0]:
                listed = " and of ".join(map(str, sizes))
                raise TokenizerError(f"{self.name}: tuples of {listed} values; each example needs one value of each")
            columns = tuple(map(list, zip(*columns[0], strict=True))) or ([],)
        if len(columns) > len(names) or not named.keys() <= set(names):
            raise TokenizerError(f"{self.name} takes {', '.join(names)}, not {len(columns)} columns and {list(named)}")
        given = dict(zip(names, columns, strict=False))
        twice = [name for name in named if name in given]
        if twice:
            raise TokenizerError(f"{self.name}: {twice[0]} is given twice")
        given |= named
        given = {name: _column(name, values) for name, values in given.items() if values is not None}
        counts = {name: len(values) for name, values in given.items()}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{count} in {name}" for name, count in counts.items())
            raise TokenizerError(f"{self.name}: {listed}; each example needs one value of each")
        missing = [each.name for each in self.fields if each.required and each.name not in given]
        if missing:
            raise TokenizerError(f"{self.name} needs {missing[0]}")
        return [Example(dict(zip(given, values, strict=True))) for values in zip(*given.values(), strict=True)]


def _column(name: str, values) -> list:
    """One string is a column of one; every value is a string."""
    if isinstance(values, str):
        return [values]
    if not isinstance(values, Iterable):
        raise TokenizerError(f"{name} is {values!r:.60} ({type(values).__name__}), not a string or a list of strings")
    return list(values)
