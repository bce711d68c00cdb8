"""Text to text: a translation or a summary that a model writes token by token."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.encoding import check_length, inputs_of
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import written as figures
from kerasbert.tasks.generating import greedy, write
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Input, Output, Row, Task, Words, option
from kerasbert.tasks.words import as_text, join_words

SOURCE = ("source", "src", "text", "document", "article", "input")
TARGET = ("target", "tgt", "translation", "summary", "highlights", "reference", "references", "output")
OUTPUTS = (Output("sequences", "list", "vector"), Output("scores", "list", "vector"))
"""What `infer` makes of the graphs' outputs, see `kerasbert.tasks.generating.write`."""
STORED = (
    *("decoder_start_token_id", "eos_token_id", "max_new_tokens", "min_new_tokens"),
    *("num_beams", "length_penalty", "no_repeat_ngram_size"),
)
"""The settings that transformers' config.json and generation_config.json may have."""
LENGTHS = {"max_new_tokens": "max_length", "min_new_tokens": "min_length"}
"""Setting -> transformers' older name of it, which counts the token that a text begins with too."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a model that writes texts. Their names are those of transformers' `GenerationConfig`.

    Raises:
        ConfigError: a value is not allowed.
    """

    max_length: int
    """Number of tokens of a source that the model reads at once."""
    decoder_start_token_id: int
    """The id that every written text begins with: that of [CLS], or of <s>."""
    eos_token_id: int
    """The id that ends a written text: that of [SEP], or of </s>."""
    max_new_tokens: int = option(
        128, least=1, answering=True, help="Largest number of tokens to write. A longer target is cut in training."
    )
    """Largest number of tokens in a written text, and in a target, with the one that ends it."""
    max_target_positions: int | None = None
    """The most that `max_new_tokens` can be: the number of the decoder's positions, or of the places that an exported
    file has in its cache; None: not known."""
    min_new_tokens: int = option(0, least=0, answering=True, help="Smallest number of tokens to write.")
    """Smallest number of tokens before the end."""
    num_beams: int = option(4, least=1, answering=True, help="Number of beams: 1 takes the likeliest token each time.")
    """Number of hypotheses of beam search; 1 is greedy search."""
    length_penalty: float = option(
        1.0, least=-10, most=10, answering=True, help="Above 0 favours longer texts, below 0 shorter ones."
    )
    """A score is the sum of log-probabilities divided by length ** length_penalty."""
    no_repeat_ngram_size: int = option(
        0, least=0, answering=True, help="No sequence of this many tokens is written twice; 0 for no such rule."
    )
    """The size of n-grams that are not written twice; 0 for no such rule."""
    num_return_sequences: int = option(
        1, least=1, answering=True, measured=False, help="Number of texts for each source: 1 for one, more for a list."
    )
    """Number of answers: 1 for one answer, more for a list."""
    do_sample: bool = option(False, answering=True, help="Whether tokens are drawn at random, without beams.")
    """Whether tokens are drawn by their probabilities."""
    temperature: float = option(
        1.0, least=0.01, answering=True, needs="do_sample", help="Sampling: below 1 likely tokens become likelier."
    )
    """What logits are divided by before a token is drawn."""
    top_k: int = option(
        50,
        least=0,
        answering=True,
        needs="do_sample",
        help="Sampling: only this many of the likeliest tokens; 0 for all.",
    )
    """A token is drawn from this number of the likeliest ones; 0 for all."""
    top_p: float = option(
        1.0,
        least=0.01,
        most=1.0,
        answering=True,
        needs="do_sample",
        help="Sampling: only the likeliest tokens with this probability.",
    )
    """A token is drawn from the likeliest ones that together have this probability."""
    sampling_seed: int = option(0, least=0, answering=True, needs="do_sample", help="Seed for drawing tokens.")
    """Seed for drawing tokens. The same seed and source give the same text."""
    split_sentences: bool = option(
        True,
        answering=True,
        usual="whether --train's targets are about as long as their sources, as in translation",
        help="Whether a text longer than the model is answered sentence by sentence; else it is cut.",
    )
    """Whether a source that does not fit is answered sentence by sentence, as a translation can be. Else it is cut."""

    def __post_init__(self):
        check_length(self.max_length)
        for name, least in (
            ("decoder_start_token_id", 0),
            ("eos_token_id", 0),
            ("max_new_tokens", 1),
            ("min_new_tokens", 0),
            ("num_beams", 1),
            ("length_penalty", -10),
            ("no_repeat_ngram_size", 0),
            ("num_return_sequences", 1),
            ("temperature", 0.01),
            ("top_k", 0),
            ("top_p", 0.01),
            ("sampling_seed", 0),
        ):
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name} is {getattr(self, name)}: use {least} or more")
        for name, most in (("length_penalty", 10), ("top_p", 1)):
            if getattr(self, name) > most:
                raise ConfigError(f"{name} is {getattr(self, name)}: use {most} or less")
        if self.max_target_positions is not None and self.max_new_tokens > self.max_target_positions:
            raise ConfigError(
                f"max_new_tokens is {self.max_new_tokens}: use 1 to {self.max_target_positions}, the model's places "
                "for the tokens of a text"
            )
        if self.min_new_tokens >= self.max_new_tokens:
            raise ConfigError(
                f"min_new_tokens is {self.min_new_tokens}: use less than max_new_tokens, {self.max_new_tokens}"
            )
        if not self.do_sample and self.num_return_sequences > self.num_beams:
            raise ConfigError(
                f"num_return_sequences is {self.num_return_sequences}: use {self.num_beams} or less, the number of "
                "beams, or do_sample"
            )


def graphs(settings: Settings) -> tuple[Graph, ...]:
    """What answers: the encoder, which runs once per source, and the decoder's step, which runs once per token.

    `memory` holds what the decoder's layers read of the source: keys and values of each layer, (layers, 2, hidden) as
    one axis. `cache` holds the keys and values of the tokens so far in the same order, and `cache_entry` those of the
    step's own token. The program that runs the graph writes `cache_entry` into the cache at `decoder_position`. The
    graph masks the places of the cache from `decoder_position` on.
    """
    step = (
        Input("decoder_input_ids", "row"),
        Input("decoder_position", "row"),
        Input("attention_mask"),
        Input("memory", "token"),
        Input("cache", "cache"),
    )
    return (
        Graph("encoder", MODEL_INPUTS, (Output("memory", "token", "vector"),)),
        Graph("decoder_step", step, (Output("logits", "row", "choice"), Output("cache_entry", "row", "vector"))),
    )


def training_graph(settings: Settings) -> Graph:
    """What learns: both in one, with the logits of all tokens of a text at once."""
    inputs = (*MODEL_INPUTS, Input("decoder_input_ids", "decoder_input_ids"))
    return Graph("model", inputs, (Output("logits", "decoder_input_ids", "choice"),))


def stored(config: Mapping, outputs: Callable[[str], int]) -> Mapping:
    """Reads the settings that transformers stores in config.json and generation_config.json."""
    lengths = {ours: config[theirs] - 1 for ours, theirs in LENGTHS.items() if config.get(theirs)}
    return lengths | {name: config[name] for name in STORED if isinstance(config.get(name), int | float)}


def of_tokenizer(tokenizer) -> Mapping:
    """A text begins with [CLS] and ends with [SEP], or with <s> and </s>, as transformers has it for these models."""
    return {"decoder_start_token_id": tokenizer.id_of("cls"), "eos_token_id": tokenizer.id_of("sep")}


@dataclass(frozen=True)
class SourceRow(Row):
    """A source, or a sentence of one that does not fit into a row.

    Attributes:
        tokenizer: the tokenizer that made the row.
        whole: the encoding of the whole source, cut to the model's length: what is learned of it.
    """

    tokenizer: object = None
    whole: object = None


def rows(tokenizer, example: Example, settings: Settings) -> list[SourceRow]:
    """Makes the row of a source. One that does not fit has a row per sentence, or is cut, as `split_sentences` says.

    A sentence that does not fit has several rows. An empty source has none.

    Raises:
        DataError: there is a target, and the source or the target is empty.
    """
    if example.truth is not None:
        truth(example, settings)
    text = as_text(example.fields["source"])
    if not text.strip():
        return []
    (whole,) = tokenizer.encode([text], max_length=settings.max_length)
    parts = [whole]
    if whole.overflowing and settings.split_sentences:
        parts = [
            part
            for sentence in _sentences(text)
            for part in tokenizer.windows(sentence, max_length=settings.max_length)
        ]
    types = tokenizer.has_token_types
    return [SourceRow(example, inputs_of(each, types), each, tokenizer=tokenizer, whole=whole) for each in parts]


def _sentences(text: str) -> list[str]:
    from kerasbert.tasks.sentences import split_by_icu

    (found,) = split_by_icu([text], wrapped=False)
    return found


def group(rows: Sequence[SourceRow]) -> list[list[Row]]:
    """One row per example: what is learned of a source is as much of it as fits."""
    firsts = {id(row.example): row for row in reversed(rows)}
    return [
        [replace(row, inputs=inputs_of(row.whole, row.tokenizer.has_token_types), encoding=row.whole)]
        for row in rows
        if firsts[id(row.example)] is row
    ]


def truth(example: Example, settings: Settings) -> list[str]:
    """The right texts of an example, of which the first is learned. In a file it is a text, or a list of texts.

    Raises:
        DataError: there is none, it is no text, or the source is empty; the message names file and line.
    """
    found = [example.truth] if isinstance(example.truth, str) else example.truth
    if not isinstance(found, list | tuple) or not found or not all(isinstance(each, str) for each in found):
        raise DataError(f"{example.place}: the target is {example.truth!r:.60}; give a text, or a list of texts")
    for name, text in (("source", as_text(example.fields["source"])), ("target", found[0])):
        if not text.strip():
            raise DataError(f"{example.place}: the {name} is empty; give it some text, or leave the line out")
    return list(found)


def targets(tokenizer, row: SourceRow, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the targets of a source, for training: the decoder sees each token and learns the next.

    Returns:
        The inputs, with `decoder_input_ids`: the start token and the text. The text and the end token, int32 (tokens,),
        and a weight of 1 for each. A text that is too long is cut to its first `max_new_tokens` tokens, without the end
        token.
    """
    (ids,) = tokenizer.piece_ids([truth(row.example, settings)[0]])
    right = np.array([*ids, settings.eos_token_id][: settings.max_new_tokens], np.int32)
    seen = [settings.decoder_start_token_id, *right[:-1].tolist()]
    weights = np.ones(len(right), np.float32)
    return {**row.inputs, "decoder_input_ids": seen}, {"logits": right}, {"logits": weights}


def unlearned(lessons: Sequence, settings: Settings) -> Iterable[str]:
    """How many targets were cut."""
    cut = sum(int(lesson.targets["logits"][-1]) != settings.eos_token_id for lesson in lessons)
    if cut:
        yield f"{cut} of {len(lessons)} targets were cut, at {settings.max_new_tokens} tokens"


def observe(examples: Sequence[Example], known: Mapping) -> Mapping:
    """Whether a long source is answered sentence by sentence: targets are at least half as long as their sources.

    Lengths are those in UTF-8, in which a text has about the same length in any language.
    """
    pairs = [(as_text(each.fields["source"]), *truth(each, None)[:1]) for each in examples]
    source, target = (sum(len(text.encode()) for text in texts) for texts in zip(*pairs, strict=True))
    return {"split_sentences": 2 * target >= source}


def decode(example: Example, rows: Sequence[SourceRow], outputs, settings: Settings) -> dict | list[dict]:
    """The text, `{"generated_text", "score", "finished"}`, or a list of `num_return_sequences` of them, best first.

    `finished` is false if the text was stopped at `max_new_tokens`. If a source has a row per sentence, the texts
    of the sentences are joined, and the score is the mean of their scores.
    """
    count = min((len(found) for found in outputs["sequences"]), default=settings.num_return_sequences)
    answers = [
        _answer(rows, *([found[i] for found in outputs[name]] for name in ("sequences", "scores")), settings)
        for i in range(count)
    ]
    return answers[0] if settings.num_return_sequences == 1 else answers


def _answer(rows: Sequence[SourceRow], sequences: Sequence[np.ndarray], scores: Sequence, settings) -> dict:
    texts = [_text(row.tokenizer, ids) for row, ids in zip(rows, sequences, strict=True)]
    return {
        "generated_text": join_words(texts)[0],
        "score": float(np.mean(scores)) if rows else 0.0,
        "finished": all(ids[-1:].tolist() == [settings.eos_token_id] for ids in sequences),
    }


def _text(tokenizer, ids: Sequence[int]) -> str:
    """The text of ids. WordPiece puts a space around every Chinese character, and texts have none there."""
    text = tokenizer.decode(ids).strip()
    return join_words(text.split(" "))[0] if tokenizer.kind == "wordpiece" else text


def same(a, b, settings: Settings) -> bool:
    """Whether two answers have the same text, and scores that differ by `SAME` at most. Lists of answers are compared
    by their first ones."""
    first, other = (each[0] if isinstance(each, list) else each for each in (a, b))
    return first["generated_text"] == other["generated_text"] and abs(first["score"] - other["score"]) <= SAME


SAME = 0.1
"""Scores of the same text differ by less than this, in nats per token, also in files of 8 bits."""


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """BLEU, chrF and ROUGE; see `kerasbert.tasks.figures.written.evaluate`."""
    one = replace(settings, num_return_sequences=1)
    texts = [decode(each.example, each.rows, each.outputs, one)["generated_text"] for each in answered]
    return figures.evaluate(texts, [truth(each.example, settings) for each in answered])


GOLDEN = (
    "A man in an orange hat is standing in front of a building.",
    "😀 Two young girls are playing in the snow.",
    "Café Müller gehört Frau Müller, die seit 1989 in Zürich wohnt.",
    *(text for text in TEXTS if 0 < len(text) < 200),
    " ".join(f"On day {day} they met {', '.join(f'man {man}' for man in range(25))}." for day in range(3)),
)
"""The last one does not fit into a row, but its sentences do."""

TASK = Task(
    name="seq2seq",
    Settings=Settings,
    fields=(Field("source", SOURCE, option="source", kind="text or words"),),
    truths=TARGET,
    usual_length=128,
    usual_batch_tokens=4096,
    golden=tuple(Example({"source": text}) for text in GOLDEN),
    calibration=tuple(Example({"source": text}) for text in GOLDEN),
    words=Words(
        title="Text to text",
        longer="Only the beginning of a longer source is learned.",
        verb="translate",
        gives="a text, such as a translation or a summary",
        teaches="Teach a model to write a text for a text, such as its translation or its summary.",
        shown=GOLDEN[0],
        files="two files with one text per line, named with a comma between, such as train.en,train.de",
    ),
    headline="bleu",
    graphs=graphs,
    training_graph=training_graph,
    outputs=OUTPUTS,
    rows=rows,
    stored=stored,
    of_tokenizer=of_tokenizer,
    truth=truth,
    observe=observe,
    targets=targets,
    group=group,
    unlearned=unlearned,
    infer=write,
    decode=decode,
    same=same,
    figures=measured,
    quick=greedy,
    metrics=lambda settings: dict.fromkeys(figures.NAMES, "max"),
)
