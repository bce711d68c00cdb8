"""The parts of a task: an example becomes rows, rows become outputs, and outputs become an answer."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace

import numpy as np

from kerasbert.schema import is_required
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures.pictures import Counts, Points
from kerasbert.tasks.given import fields_of
from kerasbert.tasks.groups import alone

Outputs = Mapping[str, Sequence[np.ndarray]]
"""Output name -> one array per row. An output with values per token has the row's own tokens only, no padding."""
Run = Callable[[dict], Mapping[str, Sequence[np.ndarray]]]
"""A batch by input name -> outputs by name, with the rows on axis 0."""


@dataclass(frozen=True)
class Example:
    """One example to answer, or to learn from.

    Attributes:
        fields: field name -> text, such as `{"text": ...}`, or a list of words where the task's `Field` says so.
        truth: the right answer as in the file; None if it is unknown.
        line: its line in `path`, counted from 1; 0 if it does not come from a file.
        path: its file, or another place for messages; empty if there is none.
        spot: its place in a file whose lines say nothing, such as "question 12", or among several texts of a call, such
            as "text[3]"; else empty.
        weight: its weight in the loss; None if the examples have no weights.
        lines: the line of each of its words, for a file with one word per line; else empty.
    """

    fields: Mapping[str, object]
    truth: object = None
    line: int = 0
    path: str = ""
    spot: str = ""
    weight: float | None = None
    lines: Sequence[int] = ()

    @property
    def place(self) -> str:
        """File and line, the beginning of an error message about this example."""
        spot = self.spot or (f"line {self.line}" if self.line else "")
        return ", ".join(filter(None, (self.path, spot))) or "an example"

    def place_of(self, word: int) -> str:
        """File and line of one of its words, counted from 0."""
        return f"{self.path}, line {self.lines[word]}" if self.lines else self.place


@dataclass(frozen=True)
class Row:
    """One row of a model's batch. Several rows may belong to one example, such as the windows of a long text.

    Attributes:
        example: the example that the row belongs to.
        inputs: input name -> ids, unpadded.
        encoding: the tokens with their offsets in the text, in code points (`tokenizers.Encoding`).
        kept: the tokens that this row answers and learns, without special ones. Rows that overlap share them out, so
            that each token of the text is kept by one row. None for a task that does not ask token by token.
        choice: the number of the choice or of the text that this row is about, from 0, where an example has a row for
            each.
    """

    example: Example
    inputs: Mapping[str, Sequence[int]]
    encoding: object = None
    kept: slice | None = None
    choice: int = 0

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.inputs["input_ids"])


@dataclass(frozen=True)
class Input:
    """An input of a graph.

    Attributes:
        axis: what its second axis counts: "token", or the name of an input. "row" means one number per row, and
            "text" means a file that takes the texts themselves; these have no second axis. "choice" means the text of
            the choice that a row is about, (rows, 1), and "sentences" the texts of the row, (rows, sentences). "number"
            means the numbers in the example's field of the same name, float32 (rows, width).
        pad: fills the places after the row's own values.
        width: size of the last axis of an input that takes vectors, which are float32: (rows, width) for the axis
            "number", (rows, length, width) for "token" and others. 0 for an input that takes ids, which are int32.
    """

    name: str
    axis: str = "token"
    pad: int = 0
    width: int = 0


@dataclass(frozen=True)
class Output:
    """An output of a graph, float32.

    Attributes:
        axis: "row" for one vector per row, "token" for one per token, "position" for one number per token. The numbers
            of a row are then one vector, such as the logits of a choice among its tokens. "example" for one number per
            row, which is one of its example's: the numbers of all rows of an example are the logits of a choice. With
            the bar "vector" the rows of an example each have a vector, and one loss. The
            name of an input for one vector per value of this input. "list" for a list per row, made by `Task.infer`.
        bar: the kind of numbers, which decides how the parity gate compares them (`kerasbert.export.gate.bars`):
            "choice" (logits of labels that exclude each other), "choices" (logits of labels that do not), "number", or
            "vector".
        width: size of the last axis; 0 for "position", where that is the number of tokens, and for "list"; 1 for
            "example".
    """

    name: str
    axis: str
    bar: str
    width: int = 0

    @property
    def by_token(self) -> bool:
        """Whether it has values per token."""
        return self.axis in ("token", "position")

    def shape(self, tokens: int | None) -> tuple[int | None, ...]:
        """The shape of a row's values."""
        by_axis = dict.fromkeys(("row", "example", "list"), (self.width,)) | {"position": (tokens,)}
        return by_axis.get(self.axis, (tokens, self.width))


@dataclass(frozen=True)
class Graph:
    """A function that a model file computes. A task that needs several functions for an answer has several graphs.

    Raises:
        ValueError: it has no inputs or no outputs, or two of them have the same name.
    """

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
        """The outputs that have values per token."""
        return tuple(output.name for output in self.outputs if output.by_token)

    @property
    def by_example(self) -> bool:
        """Whether the rows of an example have one loss, so that a training batch has a further axis: (examples, rows
        of an example, ...)."""
        return any(output.axis == "example" for output in self.outputs)


MODEL_INPUTS = (Input("input_ids"), Input("attention_mask"), Input("token_type_ids"))
"""The inputs of an encoder. A model without segments lacks the last one."""


def option(
    default=MISSING,
    *,
    help: str,
    choices: Sequence[str] = (),
    least: float | None = None,
    most: float | None = None,
    usual: str = "",
    answering: bool = False,
    measured: bool = True,
    needs: str = "",
):
    """A field of a task's settings that is also an option of `kerasbert finetune`.

    The field's type decides what the option takes: a text, a whole number, a number, or yes and no.

    Args:
        default: the default value; without one, the setting is required.
        help: the help text of the option.
        choices: the values that are allowed; empty for any value of the type.
        least, most: the smallest and the largest number that is allowed; None for any.
        usual: what is taken if neither the user nor the checkpoint says, for the help text; empty: `default`.
        answering: whether it is also an option of the commands that answer, which then answer with another value.
        measured: whether its value changes the task's figures, so that `kerasbert evaluate` offers it too.
        needs: the setting that has to be on if this one is to have an effect.
    """
    numbers = {"least": least, "most": most}
    given = {"help": help, "choices": tuple(choices), **numbers, "usual": usual or default}
    uses = {"answering": answering, "measured": measured, "needs": needs}
    return field(default=default, metadata={**given, **uses})


@dataclass(frozen=True)
class Words:
    """The words that describe a task to users.

    Attributes:
        title: title of the report.
        verb: name of the SavedModel's signature for texts.
        gives: completes the sentence "it gives ...".
        teaches: first line of `kerasbert finetune TASK --help`; empty if the task cannot be fine-tuned.
        shown: the text of the golden example that the report's programs answer.
        examples: what its examples are called where they are counted, in the plural.
        longer: what becomes of a text that does not fit into `max_length` tokens, as a sentence.
        files: labelled files that this task has beside those of every task, as words that complete "use".
    """

    title: str
    verb: str
    gives: str
    teaches: str = ""
    shown: str = "a lovely film"
    longer: str = "A longer text is cut."
    examples: str = "texts"
    files: str = ""


def needed_settings(kind: type) -> set[str]:
    """The names of the settings that have no default, of a task's `Settings`."""
    return {each.name for each in fields(kind) if is_required(each)}


def labels_of(settings) -> tuple[str, ...]:
    """The names of the labels in a task's settings; empty if the task has no labels."""
    return tuple(getattr(settings, "labels", ()))


def run_model(runs: Mapping[str, Run], batch: dict, settings) -> Mapping[str, Sequence[np.ndarray]]:
    """Runs the graph "model", for tasks with one graph."""
    return runs["model"](batch)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task. `settings` below is always an instance of `Settings`.

    Attributes:
        name: its name in config.json, in kerasbert.json and on the command line.
        Settings: a frozen dataclass that has a field `max_length`. All its fields are written into kerasbert.json.
        fields: the parts of an example.
        training_fields: the parts of a labelled example, if these are others; empty: `fields`.
        truths: usual names of the column with the right answers; empty for a task that cannot learn from files.
        unlabelled: whether an example that has all required fields of training is also learned without a right answer.
        losses: the losses that `--loss` names -> a check of the training examples, which raises DataError.
        beside: usual names of a further column that belongs to the right answers, such as their places in the text.
        joined: a value of the column of right answers, one of the column `beside` -> the right answers.
        format: the ending, one of `kerasbert.examples.readers`, as which files of unknown endings are read; or empty.
        cut: the text of two that is cut to the length of a file that takes texts: "longest_first" or "only_second".
        usual_length: number of tokens in a row if neither the user nor the checkpoint says.
        usual_batch_tokens: number of tokens in a training batch likewise; None for batches of rows.
        golden: examples on which every export is checked.
        calibration: examples for measuring integer activations, used if the user gives none.
        words: the words that describe the task to users.
        pose: any text -> a text that the task can answer, such as one with a mask, for measurements and warming up.
        headline: the figure whose loss by a quantised file is limited; "" for none.
        contract: MediaPipe's task for such files; "" if there is none.
        graphs: settings -> the graphs, with every input and output that a model of the task may have.
        training_graph: settings -> the graph that learns, if it is none of `graphs`.
        outputs: what `infer` returns, if these are not the graphs' own outputs.
        rows: tokenizer, example, settings -> the example's rows.
        averages: whether an example's rows are windows whose outputs are averaged (`kerasbert.tasks.windows.averaged`).
        stored: content of config.json, layer name -> number of its outputs in the checkpoint -> the settings that
            transformers' own keys tell. Raises ConfigError.
        of_tokenizer: a model's tokenizer -> the settings that follow from it; None if there are none.
        drawn: whether what is learned of a text is drawn from the text itself, such as its masked words, and anew in
            each epoch. Its files have no right answers, and `targets` takes a key of the draw too, of (seed, epoch).
        truth: example, settings -> its right answer, in the form that `targets` and `figures` take. Raises DataError.
        survey: the labelled examples of one file. Logs in one line how their right answers are read, such as the scheme
            of tags. Raises DataError.
        remarks: examples, settings -> warnings about right answers that may not be as they were meant.
        observe: training examples, the settings given so far -> settings that follow from the examples, such as labels.
        targets: tokenizer, row, settings (and, if `drawn`, the key) -> inputs, targets and weights of the row; None
            if the task cannot be trained.
        group: rows -> groups of rows that share a batch and a loss.
        apart: a group of lessons -> what it should share with no other one in its batch; None: it may share all.
        unlearned: lessons (`kerasbert.tasks.batches.Lesson`), settings -> warnings about what they leave out.
        infer: runs by graph name, batch, settings -> outputs of the batch.
        decode: example, its rows, their outputs, settings -> answer.
        choices: settings -> the fields of `Choice` that mean something to a model with these settings.
        choose: the arguments of `decode` and a `Choice` -> answer; None if there are no `choices`.
        same: two answers, settings -> whether they count as equal.
        probability: the arguments of `decode` and an answer -> how probable the outputs make it, for an answer that
            the numbers of several tokens make together.
        tune: held-out examples with their rows and outputs (`Answered`), settings -> settings that answer them best.
        brief: an example with its rows and outputs, settings -> the same with as much of the outputs as `tune`,
            `figures`, `by_class` and `picture` need, so that the examples of a large file fit into memory.
        figures: examples with their rows and outputs or what `brief` makes of these, settings -> figures by name.
        quick: settings -> faster ones, for figures of a sample while a model learns; None if answers take no time.
        metrics: settings, or None for any -> the names of the figures, and for each whether its best value is the
            largest ("max") or the smallest ("min").
        measures: labelled examples -> the names of those figures that they allow, the most telling one first; None if
            all examples allow the same ones.
        by_class: examples as for `figures`, settings -> per class its precision, recall, f1 and support (the number of
            right answers that are this class); empty where there are no classes.
        picture: the same arguments -> a table of counts or points, for a drawing of right and wrong answers.
    """

    name: str
    Settings: type
    fields: tuple[Field, ...]
    training_fields: tuple[Field, ...] = ()
    truths: tuple[str, ...] = ()
    unlabelled: bool = False
    losses: Mapping[str, Callable[[Sequence[Example]], None]] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    joined: Callable[[object, object], object] = lambda truth, beside: truth
    format: str = ""
    cut: str = "longest_first"
    usual_length: int = 128
    usual_batch_tokens: int | None = None
    golden: tuple[Example, ...]
    calibration: tuple[Example, ...]
    words: Words
    pose: Callable[[str], str] = str
    headline: str = ""
    contract: str = ""
    graphs: Callable[[object], tuple[Graph, ...]]
    training_graph: Callable[[object], Graph] | None = None
    outputs: tuple[Output, ...] = ()
    rows: Callable[[object, Example, object], list[Row]]
    averages: bool = False
    stored: Callable[[Mapping, Callable[[str], int]], Mapping] = lambda config, outputs: {}
    of_tokenizer: Callable[[object], Mapping] | None = None
    drawn: bool = False
    truth: Callable[[Example, object], object] = lambda example, settings: example.truth
    survey: Callable[[Sequence[Example]], None] = lambda examples: None
    remarks: Callable[[Sequence[Example], object], Iterable[str]] = lambda examples, settings: ()
    observe: Callable[[Sequence[Example], Mapping], Mapping] = lambda examples, known: {}
    targets: Callable[[object, Row, object], tuple] | None = None
    group: Callable[[Sequence[Row]], list[list[Row]]] = alone
    apart: Callable[[Sequence], Collection] | None = None
    unlearned: Callable[[Sequence, object], Iterable[str]] = lambda lessons, settings: ()
    infer: Callable[[Mapping[str, Run], dict, object], Mapping] = run_model
    decode: Callable[[Example, Sequence[Row], Outputs, object], object]
    choices: Callable[[object], Collection[str]] = lambda settings: ()
    choose: Callable[[Example, Sequence[Row], Outputs, object, Choice], object] | None = None
    same: Callable[[object, object, object], bool]
    probability: Callable[[Example, Sequence[Row], Outputs, object, object], float] | None = None
    tune: Callable[[Sequence, object], object] | None = None
    brief: Callable[[object, object], object] = lambda answered, settings: answered
    figures: Callable[[Sequence, object], dict[str, float]] | None = None
    quick: Callable[[object], object] | None = None
    metrics: Callable[[object | None], Mapping[str, str]] = lambda settings: {}
    measures: Callable[[Sequence[Example]], Sequence[str]] | None = None
    by_class: Callable[[Sequence, object], dict[str, dict[str, float]]] = lambda answered, settings: {}
    picture: Callable[[Sequence, object], Counts | Points] | None = None

    def outputs_of(self, graphs: Sequence[Graph]) -> tuple[Output, ...]:
        """The outputs that answers are made of."""
        return self.outputs or tuple(output for graph in graphs for output in graph.outputs)

    def check(self, examples: Sequence[Example], settings) -> None:
        """Checks the right answers of a labelled file before long work begins.

        Raises:
            DataError: a right answer cannot be used; the message names file and line.
        """
        self.survey(examples)
        for example in examples:
            self.truth(example, settings)

    def to_train(self) -> "Task":
        """The task with the fields of its labelled examples."""
        return replace(self, fields=self.training_fields) if self.training_fields else self

    def teaches(self, example: Example) -> bool:
        """Whether an example says what is to be learned."""
        required = [each.name for each in self.to_train().fields if each.required]
        return example.truth is not None or (self.unlabelled and all(name in example.fields for name in required))

    def to_learn(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples as they are learned: those whose right answers are drawn from their texts have True for one."""
        return [replace(each, truth=True) for each in examples] if self.drawn else examples

    def examples(self, *columns, **named) -> list[Example]:
        """Makes examples from texts.

        Args:
            columns: one sequence of texts (or one text) per field, in the order of `fields`; None for a field that
                the examples lack. A field of words takes a sequence of lists of words. A single tuple of sequences is
                the same. In a single list of tuples, each holds all fields of one example. A single dict has the
                columns by field name.
            named: the same by field name.

        Raises:
            TokenizerError: columns have different lengths, there are too many, a value is not what the field holds, or
                a field is missing, unknown or given twice.
        """
        rows = fields_of(self.name, self.fields, columns, named)
        if len(rows) == 1:
            return [Example(rows[0])]
        return [Example(row, spot=f"{self.fields[0].name}[{index}]") for index, row in enumerate(rows)]
