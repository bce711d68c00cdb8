"""Sentence embeddings: texts become vectors of length 1, whose dot product is their similarity."""

import hashlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks import headers
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.encoding import TEXT_FIELDS, check_length, inputs_of, prompt_of
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import similarities
from kerasbert.tasks.golden import CALIBRATION, EXAMPLES
from kerasbert.tasks.groups import by_example
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words, option

log = logging.getLogger("kerasbert")

POOLINGS = ("mean", "cls", "max")
COSINE = 0.98
"""Smallest cosine of two vectors that count as the same answer."""
STS_MAX = 5.0
"""The highest score of the STS data sets, which is assumed if a score is above 1."""
FIELDS = (
    Field("anchor", ("anchor", "query", "question", *headers.TEXT), option="anchor"),
    Field("positive", ("positive", "answer", "passage", *headers.PAIR), option="positive", required=False),
    Field("negative", ("negative", "negatives"), option="negative", required=False, kind="text or texts"),
    Field("group", ("group",), option="group", required=False),
)
"""The fields of a training example. The two texts of a scored pair are in `anchor` and `positive`."""
SCORED, PAIRS, VECTORS = "scored pair", "pair", "vector"
"""The kinds of training examples: two texts and a score, texts that belong together, and a text and its vector."""
METRICS = dict.fromkeys(
    ("spearman", *(f"recall_at_{best}" for best in similarities.BEST), "mrr", "accuracy", "cosine"), "max"
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a sentence encoder.

    Raises:
        ConfigError: `pooling` is not one of `POOLINGS`, `max_length` is below 3, `score_max` is not above 0, or
            `prompts` are not texts by name.
    """

    pooling: str = option(
        "mean",
        choices=POOLINGS,
        help="What of the tokens' vectors is the vector of the text: their mean, that of the first token (cls), or in "
        "each place the largest number (max).",
    )
    """The "mean" of all tokens, the first token ("cls"), or the largest number of any token in each place ("max")."""
    prompt: str = option("", help='Text that is put before each text, such as "query: ".', usual="none")
    """Is put before each text, as it is."""
    prompts: dict[str, str] = field(default_factory=dict)
    """Further prompts by name, such as `{"query": "query: ", "passage": "passage: "}`, of which a call may name one."""
    score_max: float = option(
        1.0,
        help="Highest score of two texts, for scored pairs. Scores are divided by it.",
        usual="5 if a score of --train is above 1, else 1",
    )
    """The highest score of scored pairs, for training: the right cosine is the score divided by it."""
    max_length: int
    """Number of tokens that a text is cut to."""

    def __post_init__(self):
        check_length(self.max_length)
        if self.pooling not in POOLINGS:
            raise ConfigError(f"pooling is {self.pooling!r}: use one of {', '.join(POOLINGS)}")
        if not 0 < self.score_max < math.inf:
            raise ConfigError(f"score_max is {self.score_max}: use a number above 0, such as 1 or 5")
        if not all(isinstance(each, str) for pair in self.prompts.items() for each in pair):
            raise ConfigError(f"prompts is {self.prompts!r:.60}: use texts by name, such as {{'query': 'query: '}}")


def prompted(settings: Settings, prompt: str | None = None, prompt_name: str | None = None) -> Settings:
    """The settings with another prompt.

    Args:
        prompt: a text that is put before each text. prompt_name: the name of one of the model's `prompts`. None for
            both: the prompt of the settings.

    Raises:
        ConfigError: both are given, or the model has no prompt of that name.
    """
    if prompt is not None and prompt_name is not None:
        raise ConfigError("prompt and prompt_name: give one of them")
    if prompt_name is not None:
        if prompt_name not in settings.prompts:
            known = ", ".join(settings.prompts) or "no named prompts; give the text itself as prompt"
            raise ConfigError(f"prompt_name is {prompt_name!r}: the model has {known}")
        prompt = settings.prompts[prompt_name]
    return settings if prompt is None else replace(settings, prompt=prompt)


def graphs(settings: Settings) -> tuple[Graph, ...]:
    return (Graph("model", MODEL_INPUTS, (Output("embedding", "row", "vector"),)),)


def training_graph(settings: Settings) -> Graph:
    """The same graph, where the texts of an example have one loss."""
    return Graph("model", MODEL_INPUTS, (Output("embedding", "example", "vector"),))


def rows(tokenizer, example: Example, settings: Settings) -> list[Row]:
    """Makes the row of a text, or of a pair whose longer text is cut first. A training example has one row per text."""
    if "anchor" in example.fields:
        texts, pairs = texts_of(example), None
    else:
        pair = example.fields.get("text_pair")
        texts, pairs = [example.fields["text"]], None if pair is None else [pair]
    texts = [prompt_of(settings) + text for text in texts]
    encodings = tokenizer.encode(texts, pairs, max_length=settings.max_length)
    return [
        Row(example, inputs_of(encoding, tokenizer.has_token_types), encoding, choice=number)
        for number, encoding in enumerate(encodings)
    ]


def texts_of(example: Example) -> list[str]:
    """The texts of a training example: the anchor, the positive if there is one, and the negatives."""
    return [example.fields["anchor"], *_given(example.fields.get("positive")), *_negatives(example)]


def _given(value) -> list[str]:
    """A text or a list of texts as a list, without the empty ones that a file has in place of a missing one."""
    return [text for text in ([value] if isinstance(value, str) else value or ()) if text.strip()]


def _negatives(example: Example) -> list[str]:
    return _given(example.fields.get("negative"))


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> dict:
    """`{"embedding"}`: a list of numbers."""
    return {"embedding": np.asarray(outputs["embedding"][0]).tolist()}


def same(a: dict, b: dict, settings: Settings) -> bool:
    """Whether two vectors have a cosine of `COSINE` or more."""
    return cosine(a["embedding"], b["embedding"]) >= COSINE


def cosine(a, b) -> float:
    """The cosine of two vectors; 0 if one of them is 0."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


def kind_of(example: Example) -> str:
    """What a training example teaches: `SCORED`, `PAIRS` or `VECTORS`."""
    if example.truth is None:
        return PAIRS
    return VECTORS if _is_vector(example.truth) else SCORED


def _is_vector(value) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and len(value) > 0
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(each, Real) for each in value)


def truth(example: Example, settings: Settings | None) -> float | list[float] | None:
    """The score of a scored pair, as it is in the file; the vector of a text; None for a pair, which is right itself.

    Raises:
        DataError: the right answer is neither a number nor a vector, or does not go with the texts; the message names
            file and line.
    """
    kind, place = kind_of(example), example.place
    pair, negatives = _given(example.fields.get("positive")), _negatives(example)
    if kind == VECTORS:
        if pair or negatives:
            raise DataError(f"{place}: a vector is the right answer to one text, not to {1 + len(pair + negatives)}")
        if not all(map(math.isfinite, example.truth)):
            raise DataError(f"{place}: the vector holds a number that is not finite")
        return list(example.truth)
    if not pair:
        mend = "give a positive, or the second text of a score"
        if example.path and "positive" not in example.fields:
            mend = "name the column that holds it with --positive-column"
        raise DataError(f"{place}: no second text; {mend}")
    if kind == PAIRS:
        return None
    if negatives:
        raise DataError(f"{place}: a score goes with two texts; leave out the score or the negative")
    return _score(example)


def _score(example: Example) -> float:
    try:
        score = float(example.truth)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise DataError(f"{example.place}: {example.truth!r:.60} is no score; give a number, such as 0.8")
    return score


def survey(examples: Sequence[Example]) -> None:
    """Logs what kind of examples a file has.

    Raises:
        DataError: it has several kinds.
    """
    kinds = {}
    for example in examples:
        kinds.setdefault(kind_of(example), example)
    if len(kinds) > 1:
        first, second = list(kinds)[:2]
        raise DataError(
            f"{kinds[first].place}: a {first}, and in {kinds[second].place} a {second}; give examples of one kind"
        )
    (kind,) = kinds
    triplets = sum(bool(_negatives(each)) for each in examples) if kind == PAIRS else 0
    said = counted(len(examples), kind) + (f", {triplets} of them with a negative" if triplets else "")
    log.info("%s%s", f"{examples[0].path}: " if examples[0].path else "", said)


def remarks(examples: Sequence[Example], settings: Settings) -> Iterator[str]:
    """A remark about pairs that have one second text among them: there is no other one to tell it from."""
    if kind_of(examples[0]) == PAIRS and len({text for each in examples for text in texts_of(each)[1:]}) == 1:
        yield "all pairs have the same second text, so there is no other one to tell it from, and nothing to learn"


def observe(examples: Sequence[Example], known: Mapping) -> dict:
    """The highest score of scored pairs: 1 if none of them is above it; else what is known, or `STS_MAX`."""
    scores = [_score(each) for each in examples if kind_of(each) == SCORED]
    if not scores:
        return {}
    if max(scores) <= 1:
        return {"score_max": 1.0}
    if known.get("score_max", 1.0) > 1:
        return {"score_max": known["score_max"]}
    log.info("a score is above 1: scores are taken to be from 0 to %g, and are divided by it", STS_MAX)
    return {"score_max": STS_MAX}


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """The inputs of a row, and its target, a float32 array by whose size a loss knows the kind of the example.

    One number: the right cosine of the pair, in both rows. Two numbers: an id of the row's text. More: the right vector
    of the text.

    Raises:
        DataError: a score is not from 0 to `score_max`.
    """
    example = row.example
    right = truth(example, settings)
    if right is None:
        group = example.fields.get("group") if row.choice < 2 else None
        right = text_id(group or texts_of(example)[row.choice])
    elif not isinstance(right, list):
        if not 0 <= right <= settings.score_max:
            raise DataError(
                f"{example.place}: the score {right:g} is not from 0 to {settings.score_max:g}; score_max sets the "
                "highest score, such as 5 for STS"
            )
        right = [right / settings.score_max]
    return row.inputs, {"embedding": np.array(right, np.float32)}, {}


def apart(lessons: Sequence[Lesson]) -> set[tuple]:
    """The ids of a pair's texts. Beside an example that has one of them, a batch has fewer wrong answers."""
    if kind_of(lessons[0].row.example) != PAIRS:
        return set()
    return {tuple(each.targets["embedding"].tolist()) for each in lessons if each.targets}


def check_width(examples: Sequence[Example], width: int) -> None:
    """Raises DataError: a vector to learn has not as many numbers as the model's vectors."""
    vectors = (each for each in examples if kind_of(each) == VECTORS)
    wrong = next((each for each in vectors if len(each.truth) != width), None)
    if wrong is not None:
        given = f"a vector of {counted(len(wrong.truth), 'number')}"
        raise DataError(f"{wrong.place}: {given}, and the model gives vectors of {width}; take those of such a model")


def text_id(text: str) -> tuple[int, int]:
    """Two whole numbers that tell texts apart, which float32 holds. Both 0 means no text."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")
    return number % (2**24 - 1) + 1, number >> 24


def _check_pairs(examples: Sequence[Example]) -> None:
    """Raises DataError: the examples are no pairs."""
    if kind_of(examples[0]) != PAIRS:
        raise DataError(f"{examples[0].place}: this loss takes pairs without scores; leave --loss out")


def _check_triplets(examples: Sequence[Example]) -> None:
    """Raises DataError: an example has no negative."""
    _check_pairs(examples)
    without = next((each for each in examples if not _negatives(each)), None)
    if without is not None:
        raise DataError(f"{without.place}: no negative; the triplet loss needs one in each example")


def measures(examples: Sequence[Example]) -> Sequence[str]:
    """The names of the figures that labelled examples allow."""
    kind = kind_of(examples[0])
    if kind == PAIRS:
        accuracy = ("accuracy",) if any(map(_negatives, examples)) else ()
        return (*(f"recall_at_{best}" for best in similarities.BEST), "mrr", *accuracy)
    return ("spearman",) if kind == SCORED else ("cosine",)


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """The figures of labelled examples, by their kind.

    Scored pairs: `spearman`, the rank correlation of cosines and scores. Pairs: `recall_at_1` and so on, and `mrr`, by
    the place of each positive among all positives, whose number is `candidates`; with negatives also `accuracy`, the
    share of the examples whose positive is nearer to the anchor than every negative. Vectors: their mean `cosine`.
    """
    kind = kind_of(answered[0].example)
    if kind == VECTORS:
        check_width([each.example for each in answered], len(answered[0].outputs["embedding"][0]))
        return {
            "cosine": float(np.mean([cosine(each.outputs["embedding"][0], each.example.truth) for each in answered]))
        }
    if kind == SCORED:
        cosines = [cosine(*each.outputs["embedding"]) for each in answered]
        return {"spearman": similarities.spearman(cosines, [truth(each.example, settings) for each in answered])}
    return {**_retrieved(answered), **_told_apart(answered)}


def _retrieved(answered: Sequence) -> dict[str, float]:
    """Recall and mean reciprocal rank of pairs."""
    pairs = [(each.example.fields["anchor"], each.example.fields["positive"]) for each in answered]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(text for _, text in pairs))}
    candidates: list = [None] * len(numbers)
    right: dict[str, list[int]] = {}
    for each, (anchor, positive) in zip(answered, pairs, strict=True):
        candidates[numbers[positive]] = each.outputs["embedding"][1]
        right.setdefault(anchor, []).append(numbers[positive])
    anchors = np.stack([each.outputs["embedding"][0] for each in answered])
    every = [[numbers[positive], *(n for n in right[anchor] if n != numbers[positive])] for anchor, positive in pairs]
    places = similarities.places_of_right(anchors, np.stack(candidates), every)
    return {**similarities.retrieval(places), "candidates": len(candidates)}


def _told_apart(answered: Sequence) -> dict[str, float]:
    """The share of triplets whose positive is nearer than the negatives; nothing without negatives."""
    found = [np.stack(each.outputs["embedding"]) for each in answered if len(each.rows) > 2]
    nearer = [vectors[1] @ vectors[0] > (vectors[2:] @ vectors[0]).max() for vectors in found]
    return {"accuracy": float(np.mean(nearer))} if nearer else {}


TASK = Task(
    name="sentence-embedding",
    Settings=Settings,
    fields=TEXT_FIELDS,
    training_fields=FIELDS,
    truths=("score", "scores", "similarity", "label", "labels"),
    unlabelled=True,
    losses={"multiple_negatives_ranking": _check_pairs, "triplet": _check_triplets},
    golden=EXAMPLES,
    calibration=CALIBRATION,
    words=Words(
        title="Sentence encoder",
        verb="embed",
        gives="one vector per text",
        teaches="Teach a checkpoint which texts are similar, from pairs, triplets or scored pairs of texts.",
    ),
    contract="TextEmbedder",
    graphs=graphs,
    training_graph=training_graph,
    rows=rows,
    truth=truth,
    survey=survey,
    remarks=remarks,
    observe=observe,
    targets=targets,
    group=by_example,
    apart=apart,
    decode=decode,
    same=same,
    figures=measured,
    metrics=lambda settings: METRICS,
    measures=measures,
)
