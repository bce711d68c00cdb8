"""Next sentence: whether a second text follows the first, as BERT learns it in pre-training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks import text_classification as classification
from kerasbert.tasks.encoding import TEXT_FIELDS, check_length, text_rows
from kerasbert.tasks.golden import PAIRS, TEXTS
from kerasbert.tasks.labels import checked_labels
from kerasbert.tasks.task import Example, Row, Task, Words

LABELS = ("is_next", "not_next")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a next-sentence model.

    Raises:
        ConfigError: a value is not allowed.
    """

    problem_type: ClassVar[str] = classification.SINGLE
    labels: tuple[str, ...] = LABELS
    """The names of the labels: the second text follows the first, and it does not."""
    max_length: int
    """Number of tokens that a pair is cut to."""

    def __post_init__(self):
        check_length(self.max_length)
        object.__setattr__(self, "labels", checked_labels(self.labels))
        if len(self.labels) != 2:
            raise ConfigError(f"labels are {', '.join(self.labels)}: give two, and first that the second text follows")


def truth(example: Example, settings: Settings) -> str:
    """The right label of an example. In a file it may also be 0 (the second text follows the first) or 1.

    Raises:
        DataError: it is neither; the message names file and line.
    """
    name, labels = str(example.truth).strip(), settings.labels
    known = {**dict(zip(("0", "1"), labels, strict=True)), **{label: label for label in labels}}
    if name not in known:
        wanted = " or ".join(f"{label} ({number})" for number, label in enumerate(labels))
        raise DataError(f"{example.place}: unknown label {example.truth!r:.60}; give {wanted}")
    return known[name]


def _named(example: Example, settings: Settings) -> Example:
    """An example whose right answer is the name of a label."""
    return replace(example, truth=truth(example, settings))


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the target of a pair, for training: the index of its label, int32."""
    named = replace(row, example=_named(row.example, settings))
    return classification.targets(tokenizer, named, settings)


def _of_named(function: Callable) -> Callable:
    """A function of answered examples, which are given their right answers by name."""

    def of_named(answered: Sequence, settings: Settings):
        return function([replace(each, example=_named(each.example, settings)) for each in answered], settings)

    return of_named


GOLDEN = tuple(Example({"text": first, "text_pair": second}) for first, second in (*PAIRS, *pairwise(TEXTS)))

TASK = Task(
    name="next-sentence",
    Settings=Settings,
    fields=tuple(replace(each, required=True) for each in TEXT_FIELDS),
    truths=classification.TASK.truths,
    golden=GOLDEN,
    calibration=GOLDEN,
    words=Words(
        title="Next sentence",
        examples="pairs",
        longer="If a pair is longer, its longer text is cut first.",
        verb="follow",
        gives="whether a second text follows the first",
        teaches="Teach a checkpoint of BERT to tell whether a second text follows the first.",
        shown=GOLDEN[0].fields["text"],
    ),
    headline="accuracy",
    graphs=classification.graphs,
    rows=text_rows,
    truth=truth,
    targets=targets,
    decode=classification.decode,
    choices=classification.choices,
    choose=classification.choose,
    same=classification.same,
    figures=_of_named(classification.measured),
    metrics=classification.metrics,
    by_class=_of_named(classification.by_class),
    picture=_of_named(classification.picture),
)
