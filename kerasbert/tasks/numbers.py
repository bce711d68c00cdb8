"""Numbers beside the text: inputs of a model that take them from the examples as they are, such as a price."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle

from kerasbert.errors import ConfigError
from kerasbert.tasks.fields import Field
from kerasbert.tasks.task import Example, Graph, Input, Task

GOLDEN = (0.5, -0.25, 2.0)
"""The numbers that golden and calibration examples get in turn."""


def numbers_of(graphs: Iterable[Graph]) -> tuple[Input, ...]:
    """The inputs of graphs that take numbers."""
    return tuple({each.name: each for graph in graphs for each in graph.inputs if each.axis == "number"}.values())


def with_numbers(task: Task, inputs: Sequence[Input]) -> Task:
    """The task of a model that also has inputs of numbers.

    Every example has a field for each of them, so files need a column of this name, and answers take it by name. The
    task's golden and calibration examples get numbers too.

    Args:
        task: the task of a model without these inputs.
        inputs: inputs of the axis "number"; none leaves the task as it is.

    Raises:
        ConfigError: an input is named as a field or a column of the task.
    """
    if not inputs:
        return task
    taken = {name for each in task.fields for name in (each.name, each.option)} | {"label"}
    for each in inputs:
        if each.name in taken:
            raise ConfigError(f"the input {each.name!r} is named as a part of {task.name}: give it a name of its own")

    def graphs(settings) -> tuple[Graph, ...]:
        return tuple(replace(graph, inputs=(*graph.inputs, *inputs)) for graph in task.graphs(settings))

    def numbered(examples: Sequence[Example]) -> tuple[Example, ...]:
        numbers = cycle(GOLDEN)
        further = ({each.name: _some(next(numbers), each.width) for each in inputs} for _ in examples)
        pairs = zip(examples, further, strict=True)
        return tuple(replace(example, fields={**example.fields, **more}) for example, more in pairs)

    fields = (Field(each.name, (each.name,), option=each.name, kind="number", width=each.width) for each in inputs)
    return replace(
        task,
        fields=(*task.fields, *fields),
        graphs=graphs,
        golden=numbered(task.golden),
        calibration=numbered(task.calibration),
    )


def _some(number: float, width: int) -> float | list[float]:
    return number if width == 1 else [number / (place + 1) for place in range(width)]
