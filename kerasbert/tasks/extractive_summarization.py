"""Extractive summarization: the sentences of a text that summarise it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasbert.decoding.extracts import best_sentences
from kerasbert.decoding.labels import sigmoid
from kerasbert.errors import ConfigError
from kerasbert.tasks.batches import NO_TOKEN
from kerasbert.tasks.encoding import check_length
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import written
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.sources import SentencesRow, Source, sentence_rows, words_of
from kerasbert.tasks.summaries import (
    LABELS,
    TARGET,
    extract,
    joined,
    labels_of,
    likeness_of,
    remarks,
    right_answer,
)
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Task, Words, option
from kerasbert.tasks.words import as_text

log = logging.getLogger("kerasbert")

TRIED = 5
"""Largest `top_k` that is tried on held-out texts."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of an extractive summarizer.

    Raises:
        ConfigError: a value is not allowed.
    """

    max_length: int
    """Number of tokens in a row. A longer text is read in rows of whole sentences."""
    top_k: int = option(
        3,
        least=1,
        answering=True,
        usual=f"3, or the number up to {TRIED} with the best ROUGE-1 on --dev",
        help="Number of sentences in a summary.",
    )
    """Largest number of sentences in a summary."""
    trigram_blocking: bool = option(
        True, answering=True, help="Whether no two sentences of a summary share three words in a row."
    )
    """Whether a sentence is passed over that shares three words in a row with one that has a higher score."""
    soft_targets: bool = option(
        True,
        help="Whether a sentence's ROUGE with the summary is learned, or 1 if it belongs to the summary, else 0.",
    )
    """Whether a sentence's ROUGE with the right summary is learned, in place of 0 and 1."""

    def __post_init__(self):
        check_length(self.max_length)
        if self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k}: use 1 or more")


def graphs(settings: Settings) -> tuple[Graph, ...]:
    return (Graph("model", MODEL_INPUTS, (Output("logits", "position", "choices"),)),)


def rows(tokenizer, example: Example, settings: Settings) -> list[SentencesRow]:
    """Makes rows of whole sentences; see `kerasbert.tasks.sources.sentence_rows`. A text without sentences has none."""
    source = Source.of(example.fields["source"])
    return sentence_rows(tokenizer, example, source, max_length=settings.max_length)


def decode(example: Example, rows: Sequence[SentencesRow], outputs, settings: Settings) -> dict:
    """The summary: `{"summary_text", "sentences"}`, with the chosen sentences in the order of the text.

    Each of these is `{"sentence", "text", "score", "start", "end"}`: its number from 0, its text, its probability to
    belong to a summary, and its place in the text, in code points. If sentences were given, places count in the
    sentences joined by `kerasbert.tasks.words.join_words`.
    """
    source = Source.of(example.fields["source"])
    scores = _scores(source, rows, outputs)
    sentences = source.sentences
    chosen = _chosen(sentences, scores, settings)
    return {
        "summary_text": extract(source, chosen),
        "sentences": [
            {
                "sentence": number,
                "text": sentences[number],
                "score": float(scores[number]),
                "start": source.places[number][0],
                "end": source.places[number][1],
            }
            for number in chosen
        ],
    }


def _scores(source: Source, rows: Sequence[SentencesRow], outputs) -> np.ndarray:
    """The probability of each sentence by the mean of its tokens' logits, float64 (sentences,); -inf for one without
    text.

    A few thousand texts do not teach a [CLS] in the middle of a row to look at its own sentence; the sentence's tokens
    know it from the start.
    """
    scores = np.full(len(source.places), -np.inf)
    for row, logits in zip(rows, outputs["logits"], strict=True):
        for number, span in row.answered:
            scores[number] = sigmoid(np.mean(logits[span]))
    return scores


def _chosen(sentences: Sequence[str], scores: np.ndarray, settings: Settings) -> list[int]:
    words = [words_of(sentence) for sentence in sentences]
    return best_sentences(scores, words, top_k=settings.top_k, trigram_blocking=settings.trigram_blocking)


def same(a: dict, b: dict, settings: Settings) -> bool:
    """Whether two answers are the same sentences, whatever their scores."""
    return _numbers(a) == _numbers(b)


def _numbers(answer: dict) -> list[int]:
    return [each["sentence"] for each in answer["sentences"]]


def probability(example: Example, rows: Sequence[SentencesRow], outputs, settings: Settings, answer: dict) -> float:
    """The sum of the probabilities of an answer's sentences, by a model's outputs."""
    scores = _scores(Source.of(example.fields["source"]), rows, outputs)
    return float(sum(scores[number] for number in _numbers(answer)))


def targets(tokenizer, row: SentencesRow, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the targets of a row, for training.

    Returns:
        The row's inputs. float32 (tokens,): what each sentence that the row judges should get, from 0 to 1, at all of
        its tokens, and `NO_TOKEN` elsewhere. Its weight, the number of these tokens.
    """
    values = (likeness_of if settings.soft_targets else labels_of)(row.example)
    wanted = np.full(len(row), NO_TOKEN, np.float32)
    for number, span in row.answered:
        wanted[span] = values[number]
    return row.inputs, {"logits": wanted}, {"logits": np.float32((wanted >= 0).sum())}


def tune(answered: Sequence, settings: Settings) -> Settings:
    """Sets `top_k` to the number of sentences, up to `TRIED`, with the best ROUGE-1 of the best right summaries."""
    found = [
        float(_rouge(answered, replace(settings, top_k=count), names=("rouge1",))["rouge1_best"].mean())
        for count in range(1, TRIED + 1)
    ]
    best = 1 + int(np.argmax(found))
    log.info(
        "top_k is %d, the best ROUGE-1 on the held-out texts (%s for 1 to %d sentences)",
        best, ", ".join(f"{100 * each:.1f}" for each in found), TRIED,
    )  # fmt: skip
    return replace(settings, top_k=best)


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """The means of ROUGE-1, ROUGE-2 and ROUGE-L (F1): of the best right summary, and of all of a text's."""
    return {name: float(values.mean()) for name, values in _rouge(answered, settings, names=written.ROUGE).items()}


def _rouge(answered: Sequence, settings: Settings, *, names: Sequence[str]) -> dict[str, np.ndarray]:
    texts = [decode(each.example, each.rows, each.outputs, settings)["summary_text"] for each in answered]
    right = [right_answer(each.example).references(Source.of(each.example.fields["source"])) for each in answered]
    return written.rouge(texts, right, names=names)


def metrics(settings: Settings | None) -> dict[str, str]:
    return {f"{name}_{what}": "max" for what in ("best", "mean") for name in written.ROUGE}


GOLDEN = (
    "😀 The film was good. The room was cold, but the staff was kind. We left the hotel.",
    "Ann Lee opened a shop in 1989. It sold books. On Sundays she read to children from all over the town.",
    ["The film was slow.", "", "The seats were hard, and it was cold.", "We left before the end."],
    "这家餐厅的菜很好吃。服务也不错。下次还会再来！",
    "Café Müller gehört Frau Müller. Seit 1989 wohnt sie in Zürich. Sie öffnet um neun.",
    *(text for text in TEXTS if 0 < len(text) < 200),
    " ".join(f"On day {day} they met {', '.join(f'man {day + man}' for man in range(12))}." for day in range(9)),
    [f"Street {number} leads to house {number + 1}." for number in range(60)],
    " ".join(f"word{number}" for number in range(100)),
)
"""The last three do not fit into a row of a small model: sentences, many short sentences, and one sentence."""

TASK = Task(
    name="extractive-summarization",
    Settings=Settings,
    fields=(
        Field(
            "source",
            ("source", "sentences", "text", "document", "article", "input"),
            option="source",
            kind="text or texts",
        ),
    ),
    truths=(*TARGET, *LABELS),
    beside=LABELS,
    joined=joined,
    usual_length=512,
    golden=tuple(Example({"source": source}) for source in GOLDEN),
    calibration=tuple(Example({"source": as_text(source)}) for source in GOLDEN),
    words=Words(
        title="Summaries of sentences",
        longer="A longer text is read in rows of whole sentences.",
        verb="extract",
        gives="the sentences of a text that summarise it",
        teaches="Teach a checkpoint to choose the sentences that summarise a text, from summaries or labels.",
        shown=GOLDEN[0],
    ),
    headline="rouge1_best",
    graphs=graphs,
    rows=rows,
    truth=lambda example, settings: right_answer(example),
    remarks=remarks,
    targets=targets,
    decode=decode,
    same=same,
    probability=probability,
    tune=tune,
    figures=measured,
    metrics=metrics,
)
