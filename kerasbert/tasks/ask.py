"""Answers examples, for every task and every engine."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from kerasbert.errors import BundleError
from kerasbert.tasks.batches import by_length, pad_rows
from kerasbert.tasks.task import Example, Graph, Output, Outputs, Row, Run, Task
from kerasbert.tasks.windows import averaged

BATCH_TOKENS = 4096
"""Largest number of tokens in a batch, including padding."""
WINDOW = 8
"""Number of batches whose rows are sorted by length together."""
MOST_NUMBERS = 2**26
"""A window ends earlier if its outputs have that many numbers, 256 MB: a mask has a logit for each word."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An example with a model's outputs for it.

    Attributes:
        rows: the example's rows.
        outputs: output name -> one float32 array per row; empty lists if the task makes no rows of the example.
    """

    example: Example
    rows: Sequence[Row]
    outputs: Outputs


def ask(
    task: Task,
    tokenizer,
    runs: Mapping[str, Run],
    examples: Iterable[Example],
    settings,
    *,
    graphs: Sequence[Graph],
    batch_tokens: int = BATCH_TOKENS,
    **batching,
) -> Iterator:
    """Answers examples in their order.

    Examples are read as answers are taken. A window of `WINDOW` batches, or fewer (`MOST_NUMBERS`), is sorted by
    length, so that rows of similar length share a batch and there is little padding. Threads may call this at the same
    time if `runs` allow it.

    Args:
        task, settings: the task and its settings.
        tokenizer: the model's tokenizer.
        runs: graph name -> the function that computes the graph.
        examples: the examples, read lazily.
        graphs: the model's graphs, with the inputs and outputs that the model has.
        batch_tokens: largest number of tokens in a batch, including padding.
        batching: see `outputs_of`.

    Yields:
        One answer per example, as returned by the task's `decode`.

    Raises:
        TokenizerError: a text is not a string.
        BundleError: the examples lack an input of the model, or an engine refused a batch.
    """
    found = outputs_of(task, tokenizer, runs, examples, settings, graphs=graphs, batch_tokens=batch_tokens, **batching)
    for each in found:
        yield task.decode(each.example, each.rows, each.outputs, settings)


def outputs_of(
    task: Task,
    tokenizer,
    runs: Mapping[str, Run],
    examples: Iterable[Example],
    settings,
    *,
    graphs: Sequence[Graph],
    batch_tokens: int = BATCH_TOKENS,
    batch_rows: int | None = None,
    round_to: int = 1,
) -> Iterator[Answered]:
    """Computes the outputs that `ask` decodes. Arguments and errors as in `ask`, and two more.

    Args:
        batch_rows: largest number of rows in a batch; None for no such limit.
        round_to: the length of a batch is rounded up to a multiple of this, but not beyond `settings.max_length`.

    Yields:
        Every example with its rows and their outputs, in order.
    """
    graph = graphs[0]
    most = rows_taken(graph)

    def run(rows: Sequence[Row]) -> Mapping[str, Sequence[np.ndarray]]:
        batch = pad_rows(rows, graph, round_to=round_to, longest=settings.max_length)
        missing = [each.name for each in graph.inputs if each.name not in batch]
        if missing:
            raise BundleError(f"the model has an input {missing[0]}, which these examples lack")
        return task.infer(runs, batch, settings)

    made = ((each, task.rows(tokenizer, each, settings)[:most]) for each in examples)
    outputs = task.outputs_of(graphs)
    for window in _windows(made, WINDOW * batch_tokens, outputs):
        yield from _answered(window, run, outputs, batch_tokens, batch_rows)


def rows_taken(graph: Graph) -> int | None:
    """How many rows of an example a function computes: 1 if it takes the texts themselves, as it then reads the first
    window of a long text, or one row per choice; None for all rows.
    """
    axes = {each.axis for each in graph.inputs}
    return 1 if "text" in axes and "choice" not in axes else None


def _windows(
    made: Iterable[tuple[Example, list[Row]]], tokens: int, outputs: Sequence[Output]
) -> Iterator[list[tuple[Example, list[Row]]]]:
    """Yields lists of examples with their rows. A list ends with the example that brings it to `tokens` tokens, or to
    `MOST_NUMBERS` numbers in the outputs."""
    window, size, numbers = [], 0, 0
    for example, rows in made:
        window.append((example, rows))
        size += sum(map(len, rows))
        numbers += sum(prod(output.shape(len(row))) for row in rows for output in outputs)
        if size >= tokens or numbers >= MOST_NUMBERS:
            yield window
            window, size, numbers = [], 0, 0
    if window:
        yield window


def _answered(
    window: list[tuple[Example, list[Row]]],
    run: Callable[[Sequence[Row]], Mapping],
    outputs: Sequence[Output],
    batch_tokens: int,
    batch_rows: int | None,
) -> Iterator[Answered]:
    rows = [row for _, made in window for row in made]
    by_token = {each.name for each in outputs if each.by_token}
    found: list[dict] = [{} for _ in rows]
    for chosen in by_length(map(len, rows), batch_tokens=batch_tokens, batch_rows=batch_rows):
        for name, values in run([rows[i] for i in chosen]).items():
            for i, value in zip(chosen, values, strict=True):
                found[i][name] = value[: len(rows[i])] if name in by_token else value
    done = 0
    for example, made in window:
        mine = found[done : done + len(made)]
        done += len(made)
        names = mine[0] if mine else (each.name for each in outputs)
        yield Answered(example=example, rows=made, outputs={name: [each[name] for each in mine] for name in names})


def joined(
    task: Task, graphs: Sequence[Graph], answered: Iterable[Answered]
) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Joins outputs by name: to one array, even if there are none, or to a list if by token or a list per row.

    There is one row per example if the task averages its outputs, else all of its rows.
    """
    outputs = {each.name: each for each in task.outputs_of(graphs)}
    rows: dict[str, list] = {name: [] for name in outputs}
    for each in answered:
        for name, values in each.outputs.items():
            rows[name].extend([averaged(each.rows, values)] if task.averages else values)

    def together(name: str):
        if outputs[name].by_token or outputs[name].axis == "list":
            return rows[name]
        return np.stack(rows[name]) if rows[name] else np.zeros((0, outputs[name].width), "float32")

    return {name: together(name) for name in outputs}
