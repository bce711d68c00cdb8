"""The right answers to a question: texts with their places in the context."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kerasbert.errors import DataError
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example

log = logging.getLogger("kerasbert")


@dataclass(frozen=True)
class Answer:
    """A right answer.

    Attributes:
        text: its text.
        start: its place in the context, in code points; None if the context does not have this text at the place that
            the file gives, or if no place is given and the text occurs more than once.
    """

    text: str
    start: int | None

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def right_answers(example: Example) -> list[Answer]:
    """The right answers of an example; an empty list if the context has none.

    They are given as SQuAD has them, `[{"text": ..., "answer_start": ...}]`, as data sets of Hugging Face have them,
    `{"text": [...], "answer_start": [...]}`, or as texts. "start" may stand for "answer_start". In the cell of a .csv
    file, the first two are JSON. White space around an answer does not belong to it.

    Raises:
        DataError: the right answers have another form; the message names the place.
    """
    given = _from_cell(example.truth) if isinstance(example.truth, str) else example.truth
    if isinstance(given, dict) and isinstance(given.get("text"), list):
        starts = given.get("answer_start", given.get("start", [None] * len(given["text"])))
        if not isinstance(starts, list) or len(starts) != len(given["text"]):
            raise DataError(f"{example.place}: {len(given['text'])} answers in 'text', but not as many answer_start")
        given = [{"text": text, "answer_start": start} for text, start in zip(given["text"], starts, strict=True)]
    given = [given] if isinstance(given, dict | str) else given
    if not isinstance(given, list | tuple):
        wanted = '[{"text": ..., "answer_start": ...}], or [] if the context has no answer'
        raise DataError(f"{example.place}: {given!r:.60} are no answers; use {wanted}")
    return [found for each in given if (found := _answer(example, each)).text]


def _from_cell(text: str):
    """The answers that a text is in JSON; else the text itself, which is an answer that may have brackets."""
    with suppress(ValueError, RecursionError):
        value = json.loads(text) if text.lstrip().startswith(("[", "{")) else text
        parts = value if isinstance(value, list) else [value]
        return value if all(isinstance(each, str | dict) for each in parts) else text
    return text


def _answer(example: Example, given) -> Answer:
    text = given.get("text", given.get("answer")) if isinstance(given, dict) else given
    start = given.get("answer_start", given.get("start")) if isinstance(given, dict) else None
    if not isinstance(text, str) or not (start is None or type(start) is int):
        raise DataError(f'{example.place}: {given!r:.60} is no answer such as {{"text": "1989", "answer_start": 12}}')
    context, bare = example.fields["context"], text.strip()
    if start is None:
        return Answer(bare, context.find(bare) if context.count(bare) == 1 else None)
    placed = start >= 0 and context[start : start + len(text)] == text
    return Answer(bare, start + text.index(bare) if placed else None)


def survey(examples: Sequence[Example]) -> None:
    """Logs how many questions a file has, how many without an answer, and how many answers are not at their place.

    Raises:
        DataError: right answers of another form.
    """
    found = [right_answers(each) for each in examples]
    none, every = sum(not each for each in found), [answer for each in found for answer in each]
    lost = sum(answer.start is None for answer in every)
    unplaced = sum(bool(each) and all(answer.start is None for answer in each) for each in found)
    parts = [f"{none} without an answer"] if none else []
    if lost:
        parts.append(
            f"{lost} of {counted(len(every), 'answer')} are at no known place in their context, and are not learned"
        )
    if unplaced:
        parts.append(f"{counted(unplaced, 'question')} without another answer count in figures only")
    log.info(
        "%s: %s",
        examples[0].path or "the examples",
        "; ".join([counted(len(examples), "question"), *parts]),
    )
