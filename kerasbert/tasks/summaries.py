"""Right answers of extractive summarization: labels of sentences, summaries, and what is learned of them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.extracts import oracle
from kerasbert.errors import DataError
from kerasbert.tasks.figures import written
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.sources import Source, words_of
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import join_words

TARGET = ("target", "tgt", "summary", "highlights", "abstract", "reference", "references")
LABELS = ("source_labels", "sentence_labels", "labels")
_WANTED = "give a summary, a list of summaries, or a 0 or a 1 for each sentence"
MOST = 3
"""Largest number of sentences that are labelled by a summary, as in BertSum."""


@dataclass(frozen=True)
class Truth:
    """The right answer of an example, of which at least one part is there.

    Attributes:
        labels: 1 for each sentence that belongs to the summary, else 0; None if they are not known.
        summaries: the right summaries.
    """

    labels: tuple[int, ...] | None
    summaries: tuple[str, ...]

    def references(self, source: Source) -> tuple[str, ...]:
        """The summaries, or the text of the labelled sentences where none is known."""
        return self.summaries or (extract(source, [number for number, label in enumerate(self.labels) if label]),)


def extract(source: Source, chosen: Sequence[int]) -> str:
    """The summary that some sentences of a text make, by their numbers."""
    sentences = source.sentences
    return join_words([sentences[number] for number in chosen])[0]


def joined(truth: object, beside: object) -> object:
    """What a file says: its column of summaries, or of labels if it has no other, and its column of labels."""
    return truth if beside is None or beside is truth else {"target": truth, "source_labels": beside}


def right_answer(example: Example) -> Truth:
    """The right answer of an example: labels, a summary, several summaries, or both in a dict.

    Raises:
        DataError: it is none of these, or the labels do not number the sentences; the message names file and line.
    """
    given = example.truth if isinstance(example.truth, dict) else {"target": example.truth}
    unknown = given.keys() - {"target", "source_labels"}
    if unknown or not given:
        raise DataError(f"{example.place}: {example.truth!r:.60} has other keys than target and source_labels")
    target, labels = (_read(given.get(name)) for name in ("target", "source_labels"))
    if _are_labels(target):
        target, labels = None, target
    texts = [target] if isinstance(target, str) else [] if target is None else target
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(f"{example.place}: the right answer is {target!r:.60}; {_WANTED}")
    if labels is not None:
        sentences = len(Source.of(example.fields["source"]).places)
        if not _are_labels(labels):
            raise DataError(f"{example.place}: the labels are {labels!r:.60}; give a 0 or a 1 for each sentence")
        if len(labels) != sentences:
            counts = f"{counted(sentences, 'sentence')} but {counted(len(labels), 'label')}"
            raise DataError(f"{example.place}: {counts}; give one for each, and the source as a list of sentences")
    if labels is None and not texts:
        raise DataError(f"{example.place}: there is neither a summary nor a label; give target or source_labels")
    return Truth(None if labels is None else tuple(map(int, labels)), tuple(texts))


def _read(value: object) -> object:
    """Plain values of arrays, and of the JSON in the cell of a file."""
    value = value.tolist() if hasattr(value, "tolist") else value
    with suppress(ValueError):
        return json.loads(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    return value


def _are_labels(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(each in (0, 1) for each in value)


def remarks(examples: Sequence[Example], settings) -> Iterator[str]:
    """Remarks about sentences without text, and about labels that are made of summaries."""
    sources = [each.fields["source"] for each in examples]
    empty = sum(not sentence.strip() for source in sources if not isinstance(source, str) for sentence in source)
    if empty:
        yield f"{counted(empty, 'sentence')} without text, which no summary takes"
    bare = 0 if settings.soft_targets else sum(right_answer(each).labels is None for each in examples)
    if bare:
        yield (
            f"{bare} of {len(examples)} texts have no labels; the sentences that raise ROUGE with a summary most, up "
            f"to {MOST}, are 1"
        )


def labels_of(example: Example) -> np.ndarray:
    """1 for each sentence that belongs to the summary, else 0: float32 (sentences,), as given or by `oracle`.

    Of several summaries, the one counts that sentences can match best.
    """
    truth, source = right_answer(example), Source.of(example.fields["source"])
    if truth.labels is not None:
        return np.float32(truth.labels)
    words = [words_of(sentence) for sentence in source.sentences]
    found = [oracle(words, words_of(summary), most=MOST) for summary in truth.summaries]
    labels = np.zeros(len(words), np.float32)
    labels[max(found, key=lambda each: each[1])[0]] = 1
    return labels


def likeness_of(example: Example) -> np.ndarray:
    """How good each sentence is as a summary: float32 (sentences,), 0 for the worst of the text and 1 for the best.

    It is the mean of ROUGE-1 and ROUGE-2 (F1) with the best right summary, shifted and scaled, since how well a text
    can be summarised by its own sentences says nothing about the order of these. Without summaries it is the label.
    """
    truth, source = right_answer(example), Source.of(example.fields["source"])
    if not truth.summaries:
        return np.float32(truth.labels)
    sentences = source.sentences
    scores = written.rouge(sentences, [truth.summaries] * len(sentences), names=("rouge1", "rouge2"))
    found = np.mean([scores["rouge1_best"], scores["rouge2_best"]], axis=0)
    return np.float32((found - found.min()) / max(found.max() - found.min(), 1e-9))
