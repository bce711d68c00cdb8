"""What of an answer is explained, for each task: numbers of the model's outputs. NumPy only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kerasbert.decoding.tags import OUTSIDE, split_label
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.question_answering import span_of
from kerasbert.tasks.task import Task
from kerasbert.tasks.windows import shares


@dataclass(frozen=True)
class Part:
    """One number of a model's outputs for a row.

    Attributes:
        row: the row's place among those of the example.
        output: the output's name.
        place: where the number stands in the row's output.
        share: what it is multiplied by.
    """

    row: int
    output: str
    place: tuple[int, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Target:
    """A sum that is explained.

    Attributes:
        name: what it is, such as a label.
        answer: the answer, or the part of it, that the sum decides.
        parts: the terms of the sum.
    """

    name: str
    answer: Mapping
    parts: tuple[Part, ...]


def check_explained(task: Task, target: str | None, settings) -> None:
    """Checks a target that a user names.

    Args:
        settings: those of the model; None: they are not known, and `target` is not checked.

    Raises:
        ConfigError: the task cannot be explained, or it has no such target.
    """
    if task.name not in TARGETS:
        raise ConfigError(f"{task.name} cannot be explained; the tasks that can are {', '.join(TARGETS)}")
    if target is None or settings is None:
        return
    known = NAMES[task.name](settings)
    if not known:
        raise ConfigError(f"target is {target!r}: {task.name} takes none; its answer's start and end are explained")
    if target not in known:
        listed = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        raise ConfigError(f"target is {target!r}: the model knows {listed}")


def targets_of(task: Task, answered: Answered, settings, target: str | None) -> list[Target]:
    """What is explained of an answer.

    Args:
        answered: the example with its rows and outputs.
        target: a label, or a type of entity; None: what the model answers.

    Raises:
        ConfigError: as `check_explained`.
        DataError: the answer has nothing to explain.
    """
    check_explained(task, target, settings)
    answer = task.decode(answered.example, answered.rows, answered.outputs, settings)
    return TARGETS[task.name](answered, answer, settings, target)


def _labels(answered: Answered, answer, settings, target: str | None) -> list[Target]:
    """The logit of a label. That of a text of several windows is the mean of theirs, as in the answer."""
    given = answer if isinstance(answer, list) else [answer]
    if target is not None:
        given = [each for each in given if each["label"] == target] or [{"label": target}]
    if not given:
        raise DataError(f"no label of the text has a score above 0.5; name one of {', '.join(settings.labels)}")
    found = []
    for each in given:
        label = settings.labels.index(each["label"])
        weighted = enumerate(shares(answered.rows))
        parts = tuple(Part(row, "logits", (label,), float(share)) for row, share in weighted)
        found.append(Target(each["label"], each, parts))
    return found


def _entities(answered: Answered, answer, settings, target: str | None) -> list[Target]:
    """For each entity, the largest logit of its type at its first token."""
    kinds = [split_label(each.get("entity_group") or each["entity"])[1] for each in answer]
    chosen = [(kind, each) for kind, each in zip(kinds, answer, strict=True) if target in (None, kind)]
    if not chosen:
        others = f"; it has {', '.join(dict.fromkeys(kinds))}" if kinds else ""
        wanted = "entity" if target is None else f"entity {target!r}"
        raise DataError(f"the model finds no {wanted} in the text, so there is nothing to explain{others}")
    found = []
    for kind, each in chosen:
        row, token = _first_token(answered.rows, each["start"])
        labels = [i for i, label in enumerate(settings.labels) if split_label(label)[1] == kind]
        label = max(labels, key=lambda i: answered.outputs["logits"][row][token][i])
        found.append(Target(settings.labels[label], each, (Part(row, "logits", (token, label)),)))
    return found


def _first_token(rows: Sequence, start: int) -> tuple[int, int]:
    """The first kept token that begins at a place of the text: its row and its place there."""
    for index, row in enumerate(rows):
        for token in range(row.kept.start, row.kept.stop):
            if row.encoding.offsets[token][0] == start:
                return index, token
    raise ValueError(f"no token begins at {start}")


def _ends(answered: Answered, answer, settings, target: str | None) -> list[Target]:
    """The start's logit and the end's, in the window that the answer comes from."""
    best = answer[0] if isinstance(answer, list) else answer
    span = span_of(answered.rows, answered.outputs, settings, best)
    places = {"start": ("start_logits", span.start), "end": ("end_logits", span.end)}
    return [Target(name, best, (Part(span.window, output, (token,)),)) for name, (output, token) in places.items()]


TARGETS: Mapping[str, Callable[..., list[Target]]] = {
    "text-classification": _labels,
    "token-classification": _entities,
    "question-answering": _ends,
}
"""Task -> what is explained of an answer."""
NAMES: Mapping[str, Callable[[object], Sequence[str]]] = {
    "text-classification": lambda settings: settings.labels,
    "token-classification": lambda settings: tuple(
        dict.fromkeys(kind for _, kind in map(split_label, settings.labels) if kind != OUTSIDE)
    ),
    "question-answering": lambda settings: (),
}
"""Task -> the targets that a user may name."""
