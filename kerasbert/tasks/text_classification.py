"""Text classification: one label, several labels or a number, for a text or a pair of texts."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.labels import SCORES, sigmoid, softmax
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks import headers
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.encoding import TEXT_FIELDS, check_length
from kerasbert.tasks.figures import classification as figures
from kerasbert.tasks.figures import pictures
from kerasbert.tasks.golden import CALIBRATION, EXAMPLES
from kerasbert.tasks.labels import checked_labels, stored_labels
from kerasbert.tasks.remarks import about_labels
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words, option
from kerasbert.tasks.windows import averaged, text_windows

SINGLE, SEVERAL, NUMBER = PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
"""The kinds of text classification, by transformers' names."""
POOLINGS = ("cls", "mean", "additive")
SEPARATOR = "|"
"""Separates the labels of a text in a file."""
BARS = {SINGLE: "choice", SEVERAL: "choices", NUMBER: "number"}
METRICS = {
    SINGLE: {"accuracy": "max", "macro_f1": "max"},
    SEVERAL: {"accuracy": "max", "micro_f1": "max"},
    NUMBER: {"mse": "min", "mae": "min", "pearson": "max"},
}
NEAR = 0.05
"""Two numbers count as the same answer if they differ by at most this share of the largest of |a|, |b| and 1."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a text classifier.

    Raises:
        ConfigError: a value is not allowed, or two values do not fit together.
    """

    labels: tuple[str, ...]
    """The names of the labels, in the order of the logits."""
    problem_type: str = option(
        SINGLE,
        choices=PROBLEM_TYPES,
        help='Kind of classification. Several labels are written "a|b" in a file; regression needs a number.',
    )
    """One of `PROBLEM_TYPES`."""
    pooling: str = option(
        "cls",
        choices=POOLINGS,
        help="Input of the classifier: the first token (cls), the mean of all tokens, or a learned mean (additive).",
    )
    """Input of the classifier: the first token ("cls", as in the paper), the "mean", or a learned mean ("additive")."""
    max_length: int
    """Number of tokens in a window. A longer text is answered in several windows, which overlap by a quarter."""
    pairs: bool | None = None
    """Whether it was trained on pairs of texts; None if nobody recorded it. Only warnings depend on it."""

    def __post_init__(self):
        check_length(self.max_length)
        labels = checked_labels(self.labels)
        object.__setattr__(self, "labels", labels)
        if self.problem_type not in PROBLEM_TYPES:
            raise ConfigError(f"problem_type is {self.problem_type!r}: use one of {', '.join(PROBLEM_TYPES)}")
        if self.pooling not in POOLINGS:
            raise ConfigError(f"pooling is {self.pooling!r}: use one of {', '.join(POOLINGS)}")
        if self.problem_type == NUMBER and len(labels) != 1:
            raise ConfigError(f"regression has one value, but {len(labels)} labels are given")
        if self.problem_type == SINGLE and len(labels) < 2:
            raise ConfigError(
                f"one label ({labels[0]!r}) leaves nothing to choose: give two or more, or another problem_type"
            )


def graphs(settings: Settings) -> tuple[Graph, ...]:
    logits = Output("logits", "row", BARS[settings.problem_type], len(settings.labels))
    return (Graph("model", MODEL_INPUTS, (logits,)),)


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings):
    """Converts logits to an answer; those of several windows are averaged.

    Returns:
        `{"label", "score"}`, with the probability as score. For several labels a list of these, for the labels whose
        probability is above 0.5. For regression the number is the score.
    """
    return _DECODERS[settings.problem_type](averaged(rows, outputs["logits"]), settings.labels)


def _single(logits: np.ndarray, labels: Sequence[str]) -> dict:
    best = int(np.argmax(logits))
    return {"label": labels[best], "score": float(softmax(logits)[best])}


def _several(logits: np.ndarray, labels: Sequence[str]) -> list[dict]:
    # Tests the logit, because a score that rounds to 0.5 may have a logit above 0.
    scores = zip(labels, map(float, sigmoid(logits)), logits, strict=True)
    return [{"label": label, "score": score} for label, score, logit in scores if logit > 0]


def _number(logits: np.ndarray, labels: Sequence[str]) -> dict:
    return {"label": labels[0], "score": float(logits[0])}


_DECODERS = {SINGLE: _single, SEVERAL: _several, NUMBER: _number}


def choices(settings: Settings) -> tuple[str, ...]:
    """A threshold is for several labels: of labels that exclude each other one is the answer, whatever its score."""
    ranked = ("top_k", "all_scores")
    return {SINGLE: ranked, SEVERAL: (*ranked, "threshold"), NUMBER: ()}[settings.problem_type]


def choose(example: Example, rows: Sequence[Row], outputs, settings: Settings, choice: Choice) -> list[dict]:
    """The labels with their scores, the highest first: all, the first `top_k`, or those from `threshold` on."""
    scores = SCORES[BARS[settings.problem_type]](averaged(rows, outputs["logits"]))
    order = np.argsort(-scores, kind="stable")[: choice.top_k]
    least = -math.inf if choice.threshold is None else choice.threshold
    return [{"label": settings.labels[i], "score": float(scores[i])} for i in order if scores[i] >= least]


def same(a, b, settings: Settings) -> bool:
    """Whether two answers have the same labels, or numbers that differ by no more than `NEAR` allows."""
    if settings.problem_type == NUMBER:
        return abs(a["score"] - b["score"]) <= NEAR * max(1.0, abs(a["score"]), abs(b["score"]))
    if settings.problem_type == SEVERAL:
        return {each["label"] for each in a} == {each["label"] for each in b}
    return a["label"] == b["label"]


def truth(example: Example, settings: Settings):
    """The right answer of an example: a known label, a set of known labels, or a finite number.

    Raises:
        DataError: it is none of these; the message names file and line.
    """
    if settings.problem_type == NUMBER:
        return _finite(example)
    known = settings.labels
    names = _names(example, known) if settings.problem_type == SEVERAL else [_name(example, known)]
    for name in names:
        if name not in known:
            raise DataError(f"{example.place}: unknown label {name!r}; {_known(known)}")
    return frozenset(names) if settings.problem_type == SEVERAL else names[0]


def stored(config: Mapping, outputs: Callable[[str], int]) -> Mapping:
    """Labels and problem type as transformers writes them; one output is a number, unless config.json says otherwise.

    Raises:
        ConfigError: labels that do not number the classifier's outputs, or an unknown problem type.
    """
    count = outputs("classifier/dense")
    if not count:
        return {}
    labels = stored_labels(config, count)
    problem_type = config.get("problem_type") or (NUMBER if len(labels) == 1 else SINGLE)
    if problem_type not in PROBLEM_TYPES:
        raise ConfigError(f"problem_type is {problem_type!r}: use one of {', '.join(PROBLEM_TYPES)}")
    return {"labels": labels, "problem_type": problem_type}


def remarks(examples: Sequence[Example], settings: Settings) -> list[str]:
    """Warnings about labels that look alike, that stand for a missing value, or that are decimal numbers."""
    if settings.problem_type == NUMBER:
        return []
    names = _names if settings.problem_type == SEVERAL else lambda example: [_name(example)]
    return list(about_labels(examples, names))


def observe(examples: Sequence[Example], known: Mapping) -> Mapping:
    """The labels of training examples, see `labels_of`, and whether there are pairs among them, as settings.

    Raises:
        DataError: a label is missing, or there are too few labels to learn from.
    """
    pairs = any("text_pair" in example.fields for example in examples)
    labels = labels_of(examples, known.get("problem_type") or SINGLE, known.get("labels") or ())
    return {"labels": labels, "pairs": pairs}


def labels_of(examples: Sequence[Example], problem_type: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Collects the labels of training examples.

    Returns:
        The labels: in the order of `known` if these are the same, else sorted, by number if all are whole numbers. For
        regression a single label: the known one, or "value".

    Raises:
        DataError: an example has no label, or there are too few labels to learn from. The message names the file, and
            for an example also the line.
    """
    if problem_type == NUMBER:
        return tuple(known) if len(known) == 1 else ("value",)
    if problem_type == SEVERAL:
        found = {name for example in examples for name in _names(example)}
    else:
        found = {_name(example) for example in examples}
    fewest = 2 if problem_type == SINGLE else 1
    if len(found) < fewest:
        raise DataError(
            f"{examples[0].path}: labels found: {', '.join(found) or 'none'}; at least {fewest} are needed to learn"
        )
    if set(known) == found:
        return tuple(known)
    numbers = all(name.isdecimal() for name in found)
    return tuple(sorted(found, key=lambda name: (int(name), name)) if numbers else sorted(found))


def _known(labels: Sequence[str]) -> str:
    return f"the model knows {', '.join(labels[:10])}" + (", ..." if len(labels) > 10 else "")


def _name(example: Example, known: Sequence[str] = ()) -> str:
    if isinstance(example.truth, list):
        raise DataError(
            f"{example.place}: a list of labels; for several labels per text, choose multi_label_classification"
        )
    return _text(example, example.truth, known)


def _names(example: Example, known: Sequence[str] = ()) -> list[str]:
    """The labels of an example, from a JSON list or from text such as "urgent|billing". There may be none.

    In a CSV file the list is the text of a cell: `["urgent", "billing"]`.
    """
    listed = _listed(example.truth) if isinstance(example.truth, str) else example.truth
    if isinstance(listed, list):
        return [_text(example, label, known) for label in listed]
    return [name.strip() for name in str(example.truth).split(SEPARATOR) if name.strip()]


def _listed(text: str) -> list | None:
    """The list that a text is in JSON; None if it is none."""
    try:
        value = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _text(example: Example, label, known: Sequence[str]) -> str:
    """A label as text. In JSON it may also be a whole number, true or false."""
    name = str(label).strip() if isinstance(label, str | int) else ""
    if not name:
        missing = label is None or isinstance(label, str)
        what = "the label is missing" if missing else f"{label!r} is not a label"
        raise DataError(f"{example.place}: {what}; {_known(known) if known else 'give it a name'}")
    return name


def _finite(example: Example) -> float:
    try:
        value = float(example.truth)
    except (TypeError, ValueError):
        value = math.nan
    if not abs(value) <= float(np.finfo("float32").max):
        raise DataError(f"{example.place}: {example.truth!r} is not a finite number")
    return value


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the target of a row, for training.

    Returns:
        The row's inputs. The target by output name: the index of its label, int32; 0 or 1 per label, float32 (labels,);
        or its number, float32 (1,). No weights.
    """
    right = truth(row.example, settings)
    if settings.problem_type == SINGLE:
        wanted = np.int32(settings.labels.index(right))
    elif settings.problem_type == SEVERAL:
        wanted = np.array([label in right for label in settings.labels], np.float32)
    else:
        wanted = np.array([right], np.float32)
    return row.inputs, {"logits": wanted}, {}


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """Accuracy and F1 of the answers, or errors for numbers."""
    answers, truths = _answers_and_truths(answered, settings)
    return figures.evaluate(answers, truths, settings.problem_type, settings.labels)


def _answers_and_truths(answered: Sequence, settings: Settings) -> tuple[list, list]:
    """The answer to each example, and the right one."""
    answers = [decode(each.example, each.rows, each.outputs, settings) for each in answered]
    return answers, [truth(each.example, settings) for each in answered]


def by_class(answered: Sequence, settings: Settings) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each label; nothing for numbers. See `kerasbert.tasks.figures.classification`."""
    if settings.problem_type == NUMBER:
        return {}
    several = settings.problem_type == SEVERAL
    answers, truths = _answers_and_truths(answered, settings)
    return figures.by_class(
        [{each["label"] for each in (answer if several else [answer])} for answer in answers],
        truths if several else [{each} for each in truths],
        settings.labels,
    )


def metrics(settings: Settings | None) -> Mapping[str, str]:
    """The figures of a problem type, or of all of them."""
    if settings is not None:
        return METRICS[settings.problem_type]
    return {name: best for each in METRICS.values() for name, best in each.items()}


def picture(answered: Sequence, settings: Settings) -> pictures.Counts | pictures.Points:
    """The confusion matrix; how often each of several labels is found; or true and predicted numbers."""
    answers, truths = _answers_and_truths(answered, settings)
    if settings.problem_type == NUMBER:
        return pictures.Points(true=tuple(truths), predicted=tuple(each["score"] for each in answers))
    if settings.problem_type == SEVERAL:
        named = [frozenset(each["label"] for each in answer) for answer in answers]
        return pictures.found(truths, named, settings.labels)
    return pictures.confusion(truths, [each["label"] for each in answers], settings.labels)


TASK = Task(
    name="text-classification",
    Settings=Settings,
    fields=TEXT_FIELDS,
    truths=headers.LABEL,
    golden=EXAMPLES,
    calibration=CALIBRATION,
    words=Words(
        title="Text classifier",
        longer="A longer text is read in several windows.",
        verb="classify",
        gives="labels",
        teaches="Teach a checkpoint to give texts, or pairs of texts, a label, several labels or a number.",
    ),
    headline="accuracy",
    contract="TextClassifier",
    graphs=graphs,
    rows=text_windows,
    averages=True,
    stored=stored,
    truth=truth,
    remarks=remarks,
    observe=observe,
    targets=targets,
    decode=decode,
    choices=choices,
    choose=choose,
    same=same,
    figures=measured,
    metrics=metrics,
    by_class=by_class,
    picture=picture,
)
