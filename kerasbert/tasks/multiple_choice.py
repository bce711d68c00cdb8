"""Multiple choice: which of several texts goes best with a prompt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.labels import softmax
from kerasbert.errors import DataError
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.encoding import check_length, inputs_of
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import pictures
from kerasbert.tasks.golden import PAIRS, TEXTS
from kerasbert.tasks.groups import by_example
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a multiple-choice model.

    Raises:
        ConfigError: `max_length` is below 3.
    """

    max_length: int
    """Number of tokens that the prompt and one choice are cut to, together."""

    def __post_init__(self):
        check_length(self.max_length)


def graphs(settings: Settings) -> tuple[Graph, ...]:
    return (Graph("model", MODEL_INPUTS, (Output("logits", "example", "choice", 1),)),)


def rows(tokenizer, example: Example, settings: Settings) -> list[Row]:
    """Makes one row per choice: the prompt with this choice, of which the longer text is cut first.

    Raises:
        DataError: there are fewer than two choices, or one of them is empty.
    """
    prompt, choices = example.fields["prompt"], _choices_of(example)
    encodings = tokenizer.encode([prompt] * len(choices), choices, max_length=settings.max_length)
    return [
        Row(example, inputs_of(encoding, tokenizer.has_token_types), encoding, choice=number)
        for number, encoding in enumerate(encodings)
    ]


def _choices_of(example: Example) -> list[str]:
    choices = list(example.fields["choices"])
    if len(choices) < 2:
        raise DataError(f"{example.place}: {counted(len(choices), 'choice')}; give two or more")
    empty = next((number for number, text in enumerate(choices) if not text.strip()), None)
    if empty is not None:
        raise DataError(
            f"{example.place}: choice {empty}, counted from 0, is empty; give it some text, or leave it out"
        )
    return choices


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> dict:
    """The best choice: `{"choice", "text", "score"}`, its number from 0, its text and its probability."""
    return choose(example, rows, outputs, settings, Choice(top_k=1))[0]


def choices(settings: Settings) -> tuple[str, ...]:
    return ("top_k", "all_scores")


def choose(example: Example, rows: Sequence[Row], outputs, settings: Settings, choice: Choice) -> list[dict]:
    """The choices with their scores, the highest first: all of them, or the first `top_k`."""
    scores, texts = softmax(np.ravel(outputs["logits"])), example.fields["choices"]
    order = np.argsort(-scores, kind="stable")[: choice.top_k].tolist()
    return [{"choice": number, "text": texts[number], "score": float(scores[number])} for number in order]


def same(a: dict, b: dict, settings: Settings) -> bool:
    """Whether two answers are the same choice; choices with the same text are the same."""
    return a["text"] == b["text"]


def truth(example: Example, settings: Settings) -> int:
    """The number of the right choice, from 0. In a file it is this number, a letter from A on, or the choice's text.

    Raises:
        DataError: it is none of these, or fits several choices; the message names file and line.
    """
    value, texts = example.truth, _choices_of(example)
    meant = set(_meant(value, texts))
    found = [number for number in range(len(texts)) if number in meant]
    if len(found) == 1:
        return found[0]
    if found:
        fits = " and ".join(map(str, found))
        raise DataError(f"{example.place}: {value!r:.60} may mean the choices {fits}; give a number in a .jsonl file")
    last = len(texts) - 1
    letter = chr(ord("A") + min(last, 25))
    wanted = f"its number, from 0 to {last}, its letter, from A to {letter}, or its text"
    raise DataError(f"{example.place}: {value!r:.60} is no choice; give {wanted}")


def _meant(value, texts: Sequence[str]) -> Iterable[int]:
    """The numbers of the choices that a right answer may mean; there may be no such choices."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    if isinstance(value, str):
        name = value.strip()
        yield from (number for number, text in enumerate(texts) if text.strip() == name)
        if name.isdecimal():
            yield int(name)
        if len(name) == 1 and name.isascii() and name.isupper():
            yield ord(name) - ord("A")


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """The inputs of a row, and its target: 1 for the right choice, else 0."""
    return row.inputs, {"logits": np.float32(row.choice == truth(row.example, settings))}, {}


def _answers_and_truths(answered: Sequence, settings: Settings) -> tuple[list[int], list[int]]:
    answers = [decode(each.example, each.rows, each.outputs, settings)["choice"] for each in answered]
    return answers, [truth(each.example, settings) for each in answered]


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """The share of examples whose best choice is the right one."""
    answers, truths = _answers_and_truths(answered, settings)
    return {"accuracy": float(np.mean(np.equal(answers, truths)))}


def picture(answered: Sequence, settings: Settings) -> pictures.Counts:
    """How often each number is the right one and the chosen one."""
    answers, truths = _answers_and_truths(answered, settings)
    numbers = [str(number) for number in range(max(*answers, *truths) + 1)]
    return pictures.confusion(list(map(str, truths)), list(map(str, answers)), numbers)


GOLDEN = tuple(
    Example({"prompt": prompt, "choices": list(texts)})
    for prompt, texts in (
        (PAIRS[0][0], (PAIRS[0][1], "It is a shop for books.", "No.", "😀 On Sunday we went home.")),
        ("She opened the door,", ("and went in.", "and the sea was cold.")),
        *((TEXTS[place], (TEXTS[place + 1], *TEXTS[1 : 2 + place // 4])) for place in range(0, 16, 2)),
        (TEXTS[-2], ("A short choice.", TEXTS[-1])),
    )
)

TASK = Task(
    name="multiple-choice",
    Settings=Settings,
    fields=(
        Field("prompt", ("prompt", "startphrase", "ctx", "premise", "question", "goal"), option="prompt"),
        Field("choices", ("choices", "endings", "options", "sols"), option="choice", kind="texts"),
    ),
    truths=("label", "answer", "target"),
    golden=GOLDEN,
    calibration=GOLDEN,
    words=Words(
        title="Multiple choice",
        examples="examples",
        longer="If prompt and choice are longer together, the longer of them is cut first.",
        verb="choose",
        gives="the text that goes best with a prompt",
        teaches="Teach a checkpoint to choose the text that goes best with a prompt, out of two or more.",
        shown=GOLDEN[0].fields["prompt"],
    ),
    headline="accuracy",
    graphs=graphs,
    rows=rows,
    truth=truth,
    targets=targets,
    group=by_example,
    decode=decode,
    choices=choices,
    choose=choose,
    same=same,
    figures=measured,
    metrics=lambda settings: {"accuracy": "max"},
    picture=picture,
)
