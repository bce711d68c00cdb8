"""The right answers to a question: texts with their places in the context."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

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
        times: how often the context has this text, if no place is given; else 0.
    """

    text: str
    start: int | None
    times: int = field(default=0, compare=False)

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
        times = context.count(bare)
        return Answer(bare, context.find(bare) if times == 1 else None, times)
    placed = start >= 0 and context[start : start + len(text)] == text
    return Answer(bare, start + text.index(bare) if placed else None)


def with_start(given, start):
    """Joins answers with their places, which a file may have in a column of their own.

    Args:
        given: the answers. Texts are joined with `start`; other forms, and "" for none, stay as they are.
        start: a place per text, also as a number in the cell of a .csv file; None, NaN or an empty cell if unknown.
    """
    texts = _from_cell(given) if isinstance(given, str) else given
    starts = _number(start)
    several = isinstance(texts, list) and bool(texts) and all(isinstance(each, str) for each in texts)
    if starts is None or not (several or (isinstance(texts, str) and texts.strip())):
        return given
    return {"text": texts, "answer_start": starts}


def _number(start):
    """Numbers as whole numbers where they are that; None for a missing one. Other values stay as they are."""
    start = start.tolist() if hasattr(start, "tolist") else start
    if isinstance(start, list):
        return [_number(each) for each in start]
    if isinstance(start, str):
        with suppress(ValueError, RecursionError):
            return _number(json.loads(start))
        return start.strip() or None
    if isinstance(start, float):
        return int(start) if start.is_integer() else None if start != start else start
    return start


def survey(examples: Sequence[Example]) -> None:
    """Logs how many questions a file has, how many without an answer, and how many answers have no known place.

    Raises:
        DataError: right answers of another form.
    """
    found = [right_answers(each) for each in examples]
    none, every = sum(not each for each in found), counted(sum(map(len, found)), "answer")
    lost = [(one, answer) for one, each in zip(examples, found, strict=True) for answer in each if answer.start is None]
    repeated = [(one, answer) for one, answer in lost if answer.times > 1]
    elsewhere = len(lost) - len(repeated)
    parts = [f"{none} without an answer"] if none else []
    if elsewhere:
        parts.append(f"{elsewhere} of {every} {_be(elsewhere)} not in the context, or not at the answer_start given")
    if repeated:
        one, answer = repeated[0]
        spot = one.spot or (f"line {one.line}" if one.line else "the first")
        occur = "occurs" if len(repeated) == 1 else "occur"
        parts.append(
            f"{len(repeated)} of {every} {occur} several times in the context, without an answer_start "
            f"({spot}: {answer.text!r:.40} is there {answer.times} times)"
        )
    log.info("%s: %s", examples[0].path or "the examples", "; ".join([counted(len(examples), "question"), *parts]))


def tell_unplaced(examples: Sequence[Example]) -> None:
    """Logs how many training questions teach nothing, because the place of none of their answers is known."""
    found = map(right_answers, examples)
    count = sum(bool(each) and all(answer.start is None for answer in each) for each in found)
    if count:
        said = "%s: %s %s left out of the training, because the places of the answers are not known; give answer_start"
        log.warning(said, examples[0].path or "the examples", counted(count, "question"), _be(count))


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
