"""Token classification: the named entities of a text of any length, with their places in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.labels import softmax
from kerasbert.decoding.tags import (
    OUTSIDE,
    STRATEGIES,
    entities,
    in_bio_letters,
    in_scheme_of,
    runs,
    scores_of_words,
    split_label,
    to_bio,
)
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks import headers
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.encoding import check_length
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import tokens as figures
from kerasbert.tasks.figures.pictures import Counts, confusion
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.labels import checked_labels, stored_labels
from kerasbert.tasks.tagged import kinds_of, remarks, survey, tags_or_spans
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words, option
from kerasbert.tasks.windows import stride_of, window_rows
from kerasbert.tasks.words import as_text, join_words


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a token classifier.

    Raises:
        ConfigError: a value is not allowed.
    """

    labels: tuple[str, ...]
    """The names of the labels, in the order of the logits, such as "O", "B-PER" and "I-PER"."""
    aggregation: str = option(
        "first",
        choices=STRATEGIES,
        help="How tokens become entities: none, simple, or one label per word by its first piece (first), the mean of "
        "its pieces (average) or the surest piece (max).",
    )
    """One of `STRATEGIES`. The default is "first", because a model learns the label of a word on its first piece only,
    so its other pieces may have any label."""
    max_length: int
    """Number of tokens in a window. A longer text is answered in several windows, which overlap by a quarter."""

    def __post_init__(self):
        check_length(self.max_length)
        object.__setattr__(self, "labels", checked_labels(self.labels))
        if self.labels == (OUTSIDE,):
            raise ConfigError("labels is only 'O', no entity: add labels such as 'B-PER' and 'I-PER'")
        if self.aggregation not in STRATEGIES:
            raise ConfigError(f"aggregation is {self.aggregation!r}: use one of {', '.join(STRATEGIES)}")

    @property
    def stride(self) -> int:
        """Number of tokens that two neighbouring windows share."""
        return stride_of(self.max_length)


def graphs(settings: Settings) -> tuple[Graph, ...]:
    logits = Output("logits", "token", "choice", len(settings.labels))
    return (Graph("model", MODEL_INPUTS, (logits,)),)


def rows(tokenizer, example: Example, settings: Settings) -> list[Row]:
    """Makes the windows of a text."""
    text = as_text(example.fields["text"])
    return window_rows(tokenizer, example, text, max_length=settings.max_length, stride=settings.stride)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text or of a window, without special ones.

    Attributes:
        offsets: int (tokens, 2), begin and end in the text, in code points.
        words: int (tokens,), the number of each token's word: of the words that were given, else of the words that the
            tokenizer sees.
        count: number of words, including those without a token, such as a word of control characters.
    """

    offsets: np.ndarray
    words: np.ndarray
    count: int

    @classmethod
    def of(cls, example: Example, parts: Sequence[tuple[object, slice]]) -> "Tokens":
        """Takes the tokens of an example from parts of encodings."""
        offsets = [place for encoding, part in parts for place in encoding.offsets[part]]
        offsets = np.array(offsets, int).reshape(-1, 2)
        given = example.fields["text"]
        if not isinstance(given, str):
            ends = [end for _, end in join_words(given)[1]]
            return cls(offsets, np.searchsorted(ends, offsets[:, 0], side="right"), len(given))
        ids = np.array([word for encoding, part in parts for word in encoding.word_ids[part]], int)
        words = np.cumsum(np.diff(ids, prepend=ids[:1]) != 0)
        return cls(offsets, words, int(words[-1]) + 1 if len(words) else 0)

    @classmethod
    def kept(cls, example: Example, rows: Sequence[Row]) -> "Tokens":
        """All tokens of a text, each from the window that keeps it."""
        return cls.of(example, [(row.encoding, row.kept) for row in rows])

    @property
    def firsts(self) -> np.ndarray:
        """int (words that have tokens,), the place of each word's first token."""
        return np.array([begin for begin, _ in runs(self.words)], int)

    def tags(self, truth: Sequence) -> list[str]:
        """The right tag of each word: as given, or from the spans that overlap it."""
        if all(isinstance(each, str) for each in truth) and truth:
            return list(truth)
        tags, before = [OUTSIDE] * self.count, None
        for begin, end in runs(self.words):
            start, stop = self.offsets[begin][0], self.offsets[end - 1][1]
            span = next((each for each in truth if each["start"] < stop and start < each["end"]), None)
            if span is not None:
                tags[self.words[begin]] = f"{'I' if span is before else 'B'}-{span['label']}"
            before = span
        return tags


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> list[dict]:
    """The entities of a text; see `kerasbert.decoding.tags.entities`. Offsets count code points.

    If words were given, offsets count code points of the words joined by `kerasbert.tasks.words.join_words`.
    """
    tokens, scores = _scored(example, rows, outputs, settings)
    text = as_text(example.fields["text"])
    return entities(scores, tokens.offsets, tokens.words, text, settings.labels, settings.aggregation)


def choose(example: Example, rows: Sequence[Row], outputs, settings: Settings, choice: Choice) -> list[dict]:
    """The entities whose score is at least the threshold."""
    return [each for each in decode(example, rows, outputs, settings) if each["score"] >= choice.threshold]


def _scored(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> tuple[Tokens, np.ndarray]:
    """The tokens of a text with their probabilities, each from the window that keeps it."""
    tokens = Tokens.kept(example, rows)
    logits = [np.asarray(each)[row.kept] for row, each in zip(rows, outputs["logits"], strict=True)]
    return tokens, softmax(np.concatenate(logits)) if len(tokens.words) else np.zeros((0, len(settings.labels)))


def same(a: list[dict], b: list[dict], settings: Settings) -> bool:
    """Whether two answers have the same entities at the same places, whatever their scores."""
    return _places(a) == _places(b)


def _places(answer: list[dict]) -> list[tuple]:
    return [(each.get("entity_group", each.get("entity")), each["start"], each["end"]) for each in answer]


def stored(config: Mapping, outputs: Callable[[str], int]) -> Mapping:
    """The labels as transformers writes them.

    Raises:
        ConfigError: labels that do not number the classifier's outputs.
    """
    count = outputs("classifier")
    return {"labels": stored_labels(config, count)} if count else {}


def truth(example: Example, settings: Settings) -> list:
    """The right answer of an example: one BIO tag per word, or spans in the order of the text.

    Raises:
        DataError: tags that do not fit the words, spans that overlap or lie outside the text, or an unknown type of
            entity; the message names file and line.
    """
    found = tags_or_spans(example)
    known = {split_label(label)[1] for label in settings.labels} - {OUTSIDE}
    for place, kind in enumerate(kinds_of(found)):
        if kind is not None and kind not in known:
            listed = ", ".join(sorted(known)[:10]) + (", ..." if len(known) > 10 else "")
            mend = "use one of these, or teach a model with its label"
            raise DataError(f"{example.place_of(place)}: unknown entity {kind!r}; the model knows {listed}; {mend}")
    return found


def observe(examples: Sequence[Example], known: Mapping) -> Mapping:
    """The labels of training examples: "O", and B- and I- for each type of entity, sorted by type.

    Labels that are known already stay if they have a name for each of these, in any scheme.

    Raises:
        DataError: a right answer cannot be used, or there are no entities to learn from.
    """
    kinds = sorted({kind for each in examples for kind in kinds_of(tags_or_spans(each)) if kind is not None})
    if not kinds:
        raise DataError(f"{examples[0].path}: no entities found, so there is nothing to learn")
    labels = (OUTSIDE, *(f"{letter}-{kind}" for kind in kinds for letter in "BI"))
    before = tuple(known.get("labels") or ())
    return {"labels": before if _covers(before, kinds) else labels}


def _covers(labels: Sequence[str], kinds: Sequence[str]) -> bool:
    """Whether there is a label for every word of entities of these types, and for words outside."""
    found = [[f"{letter}-{kind}" for letter in letters] for kind in kinds for letters in ("B", "BII")]
    return OUTSIDE in labels and all(set(in_scheme_of(labels, tags)) <= set(labels) for tags in found)


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the targets of a window, for training.

    Returns:
        The window's inputs. The index of each token's label, int32 (tokens,). Its weight, float32 (tokens,): 1 for the
        first token of each word that this window keeps, and 0 for all others.

    Raises:
        DataError: the model has no label for a tag, in whichever scheme its labels are.
    """
    right = truth(row.example, settings)
    tokens = Tokens.of(row.example, [(row.encoding, slice(1, len(row) - 1))])
    tags = in_scheme_of(settings.labels, tokens.tags(right))
    wanted, weights = np.zeros(len(row), np.int32), np.zeros(len(row), np.float32)
    for first in tokens.firsts:
        if row.kept.start <= first + 1 < row.kept.stop:
            wanted[first + 1] = _index(tags, tokens.words[first], row.example, settings)
            weights[first + 1] = 1.0
    return row.inputs, {"logits": wanted}, {"logits": weights}


def _index(tags: Sequence[str], word: int, example: Example, settings: Settings) -> int:
    """The index of the label of a word."""
    tag = tags[word]
    if tag in settings.labels:
        return settings.labels.index(tag)
    listed = ", ".join(settings.labels)
    raise DataError(f"{example.place_of(word)}: unknown label {tag!r}; the model knows {listed}; add it to the labels")


def predicted_tags(answered, settings: Settings) -> list[str]:
    """The tag of each word that a model predicts, "O", "B-..." or "I-...".

    Args:
        answered: an example with its windows and their outputs (`kerasbert.tasks.ask.Answered`).
    """
    return _tags(*_scored(answered.example, answered.rows, answered.outputs, settings), settings)


def _tags(tokens: Tokens, scores: np.ndarray, settings: Settings) -> list[str]:
    best = scores_of_words(scores, tokens.words, settings.aggregation).argmax(axis=-1)
    tags = [OUTSIDE] * tokens.count
    for first, label in zip(tokens.firsts, best, strict=True):
        tags[tokens.words[first]] = in_bio_letters(settings.labels[label])
    return tags if any(split_label(label)[0] for label in settings.labels) else to_bio(tags)


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """seqeval's figures of the words' tags; see `kerasbert.tasks.figures.tokens.evaluate`."""
    return figures.evaluate(*_predicted_and_true(answered, settings))


def by_class(answered: Sequence, settings: Settings) -> dict[str, dict[str, float]]:
    """seqeval's figures of each type of entity; see `kerasbert.tasks.figures.tokens.by_class`."""
    return figures.by_class(*_predicted_and_true(answered, settings))


def picture(answered: Sequence, settings: Settings) -> Counts:
    """The confusion matrix of words, by the type of their tag; "O" is a word outside of entities."""
    predicted, true = (
        [split_label(tag)[1] for tags in sentences for tag in tags]
        for sentences in _predicted_and_true(answered, settings)
    )
    return confusion(true, predicted, (OUTSIDE, *sorted({*true, *predicted} - {OUTSIDE})))


def _predicted_and_true(answered: Sequence, settings: Settings) -> tuple[list, list]:
    """The tags of the words of each text."""
    predicted, true = [], []
    for each in answered:
        tokens, scores = _scored(each.example, each.rows, each.outputs, settings)
        predicted.append(_tags(tokens, scores, settings))
        true.append(tokens.tags(truth(each.example, settings)))
    return predicted, true


GOLDEN = (
    "😀 Ann Lee flew from New York to Zürich with Acme Corp.",
    "Angela Merkel met Emmanuel Macron in Berlin on Monday.",
    "李开复在北京和微软亚洲研究院工作。",
    *TEXTS,
)

TASK = Task(
    name="token-classification",
    Settings=Settings,
    fields=(Field("text", headers.WORDS, option="text", kind="text or words"),),
    truths=headers.TAGS,
    format=".conll",
    golden=tuple(Example({"text": text}) for text in GOLDEN),
    calibration=tuple(Example({"text": text}) for text in GOLDEN),
    words=Words(
        title="Named entities",
        longer="A longer text is read in several windows.",
        verb="tag",
        gives="entities with their places in the text",
        teaches="Teach a checkpoint to find the named entities of texts, from tagged words or marked texts.",
        shown=GOLDEN[0],
    ),
    headline="f1",
    graphs=graphs,
    rows=rows,
    stored=stored,
    truth=truth,
    survey=survey,
    remarks=remarks,
    observe=observe,
    targets=targets,
    decode=decode,
    choices=lambda settings: ("threshold",),
    choose=choose,
    same=same,
    figures=measured,
    metrics=lambda settings: dict.fromkeys(("f1", "precision", "recall", "strict_iob2_f1"), "max"),
    by_class=by_class,
    picture=picture,
)
