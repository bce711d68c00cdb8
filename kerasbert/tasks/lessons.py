"""Examples become lessons: rows with the targets and weights that a model learns from."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.amounts import as_weight
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.task import Example, Graph, Row, Task, labels_of
from kerasbert.tasks.windows import shares


def lessons_of(
    task: Task,
    tokenizer,
    examples: Sequence[Example],
    settings,
    *,
    graph: Graph,
    class_weight: Mapping | None = None,
    weighted: bool = False,
) -> list[list[Lesson]]:
    """Makes the lessons of examples.

    If the task averages the outputs of an example's windows, each window is a lesson with the example's right answer.
    Its weight is multiplied with the window's share of their tokens, so that an example counts once in the loss.

    Args:
        task, settings: the task and its settings.
        tokenizer: the model's tokenizer.
        examples: if none of them has a right answer, the lessons have no targets, unless the task draws its right
            answers from the texts. If the task makes no targets, the
            right answer is an array for the only output, or a dict of arrays by output name.
        graph: the model's graph.
        class_weight: index or name of a label -> weight in the loss of every answer that is this label; 1 if missing.
        weighted: whether every lesson has weights. Else they have some if there are any to tell, such as shares of
            windows.

    Returns:
        Groups of lessons that share a batch.

    Raises:
        DataError: a right answer is none; the message names its place.
        ConfigError: `class_weight` names no label, or the model's answers are not labels; or none of the examples has a
            right answer, which the training graph reads.
    """
    examples = task.to_learn(examples)
    made = [task.rows(tokenizer, example, settings) for example in examples]
    rows = [row for mine in made for row in mine]
    parts: dict[int, float] = {}
    if task.averages and (weighted or len(rows) > len(examples)):
        parts = {id(row): share for mine in made for row, share in zip(mine, shares(mine).tolist(), strict=True)}
    make = task.targets if task.targets is not None else _given(task, graph)
    labelled = any(map(task.teaches, examples))
    if rows and not labelled and any(each.name not in rows[0].inputs for each in graph.inputs):  # the right answers
        raise ConfigError(f"{task.name}: its loss needs right answers; give y, or a data set of (x, y)")
    table = None if class_weight is None else class_weights(class_weight, labels_of(settings), graph)

    def lesson(row: Row, *key: int) -> Lesson:
        if not labelled:
            return Lesson(row, {}, {})
        inputs, targets, weights = make(tokenizer, row, settings, *key)
        weights = _weighted(_product(row.example.weight, parts.get(id(row))), targets, weights, table, graph)
        draw = partial(lesson, row) if task.drawn else None
        return Lesson(dataclasses.replace(row, inputs=inputs), targets, weights, draw)

    return [[lesson(row) for row in group] for group in task.group(rows)]


def _product(*factors: float | None) -> float | None:
    """The product of the factors that are there; None if none is."""
    given = [each for each in factors if each is not None]
    return math.prod(given) if given else None


def class_weights(given: Mapping, labels: Sequence[str], graph: Graph) -> np.ndarray:
    """Keras's `class_weight`, by index or by name of the label, as one float32 weight per label.

    Raises:
        ConfigError: it is no dict, a key is no label, a weight is no finite number from 0, or the answers of the graph
            are not one label each.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"class_weight is {given!r:.60}: give a dict of weights by label, such as {{0: 1.0, 1: 2.5}}")
    if not labels or any(each.bar != "choice" for each in graph.outputs):
        raise ConfigError("class_weight: this model's answers are not one label each; use sample_weight")
    weights = np.ones(len(labels), np.float32)
    for key, weight in given.items():
        index = labels.index(key) if key in labels else key
        if not isinstance(index, int | np.integer) or not 0 <= index < len(labels):
            raise ConfigError(f"class_weight has the key {key!r}: use a label's name, or an index to {len(labels) - 1}")
        weights[index] = as_weight(weight, f"class_weight[{key!r}]")
    return weights


BALANCED = "balanced"
"""What users call the weights of `balanced`."""


def balanced(groups: Sequence[Sequence[Lesson]], labels: Sequence[str], graph: Graph) -> list[list[Lesson]]:
    """Weighs lessons so that every label counts the same in the loss, by scikit-learn's `class_weight="balanced"`.

    A label's weight is the sum of the answers' weights, divided by the number of labels that occur and by the sum of
    the weights of the answers with this label. Without weights these are numbers of answers.

    Args:
        groups: what `lessons_of` returns.

    Raises:
        ConfigError: the answers of the graph are not one label each.
    """
    table = class_weights({}, labels, graph)
    counts = np.zeros(len(labels))
    for lesson in (lesson for group in groups for lesson in group):
        for name, target in lesson.targets.items():
            weights = np.broadcast_to(lesson.weights.get(name, 1.0), np.shape(target))
            counts += np.bincount(np.ravel(target), np.ravel(weights), minlength=len(labels))
    seen = counts > 0
    table[seen] = counts.sum() / (seen.sum() * counts[seen])

    def weighed(lesson: Lesson) -> Lesson:
        return dataclasses.replace(lesson, weights=_weighted(None, lesson.targets, lesson.weights, table, graph))

    return [[weighed(lesson) for lesson in group] for group in groups]


def _weighted(weight: float | None, targets: Mapping, weights: Mapping, table: np.ndarray | None, graph: Graph) -> dict:
    """The weights of a row's targets, multiplied with those of its example and of its labels."""
    if weight is None and table is None:
        return dict(weights)
    found = {}
    for each in graph.outputs:
        if each.name in targets:
            target = np.asarray(targets[each.name])
            own = weights.get(each.name, np.ones(target.shape[:1] if each.axis == "token" else (), np.float32))
            of_labels = 1.0 if table is None else table[target]
            found[each.name] = np.float32(own * (1.0 if weight is None else weight) * of_labels)
    return found


def _given(task: Task, graph: Graph):
    """The targets of a task that makes none: what the user gave for the example."""
    names = [each.name for each in graph.outputs]

    def targets(tokenizer, row: Row, settings) -> tuple[dict, dict, dict]:
        truth = row.example.truth
        found = truth if isinstance(truth, Mapping) else {names[0]: truth}
        if (len(names) > 1 and not isinstance(truth, Mapping)) or not found.keys() <= set(names):
            raise DataError(f"{row.example.place}: {task.name} learns from arrays by output name: {', '.join(names)}")
        found = {name: np.asarray(value, np.float32) for name, value in found.items()}
        for name in found.keys() & set(graph.by_token):
            if len(found[name]) != len(row):
                raise DataError(f"{row.example.place}: {len(found[name])} vectors of {name} for {len(row)} tokens")
        return row.inputs, found, {}

    return targets
