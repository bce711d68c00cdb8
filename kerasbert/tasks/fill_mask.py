"""Fill-mask: the words that fit in the place of [MASK], and how well each of them fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from zlib import crc32

import numpy as np

from kerasbert.decoding.labels import softmax
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.tasks import headers
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.draws import key_of
from kerasbert.tasks.encoding import check_length
from kerasbert.tasks.fields import Field
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.masking import Masking, MaskingVocabulary, mask_row
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Input, Output, Row, Task, Words, option

MASK = "[MASK]"
"""What stands for the mask token of any model in a text. RoBERTa's own is <mask>."""
ONE = Masking(rate=1e-9, mask_share=1.0, random_share=0.0)
"""How a text is masked that is measured: one token, always by the mask."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a mask filler.

    Raises:
        ConfigError: a value is not allowed.
    """

    max_length: int
    """Number of tokens that the model sees of a text: those around the mask, if the text is longer."""
    top_k: int = option(5, least=1, help="Number of words for each mask.")
    """Number of answers for each mask."""
    targets: tuple[str, ...] = option(
        (), answering=True, measured=False, usual="all", help="Words to choose among, with commas between."
    )
    """The words to choose among, each one token of the vocabulary; empty for the whole vocabulary."""

    def __post_init__(self):
        check_length(self.max_length)
        if self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k}: use 1 or more")
        if isinstance(self.targets, str) or not all(isinstance(each, str) for each in self.targets):
            raise ConfigError(f"targets is {self.targets!r:.60}: give a list of words")
        if not all(self.targets):
            raise ConfigError(
                f"targets: word {self.targets.index('') + 1} of {len(self.targets)} is empty; leave it out"
            )
        object.__setattr__(self, "targets", tuple(self.targets))


@dataclass(frozen=True)
class MaskRow(Row):
    """A row with one mask to fill.

    Attributes:
        tokenizer: the tokenizer that made the row.
        ids: the ids of the whole text, also where the row is a window of it.
        place: the mask's place in `ids`.
        right: the id that was masked; None if it is not known.
    """

    tokenizer: object = None
    ids: Sequence[int] = ()
    place: int = 0
    right: int | None = None


def graphs(settings: Settings) -> tuple[Graph, ...]:
    """One graph, which computes logits at one position of a row: only there, so that few words meet the vocabulary."""
    return (Graph("model", (*MODEL_INPUTS, Input("mlm_positions", "row")), (Output("logits", "row", "choice"),)),)


def rows(tokenizer, example: Example, settings: Settings) -> list[Row]:
    """Makes one row for each mask of a text: the whole text, or the tokens around the mask of a longer one.

    An example to learn from has one row for each `max_length` tokens, with one of them masked.

    Raises:
        TokenizerError: the text has no mask.
        ConfigError: the vocabulary has none.
    """
    mask, mask_id = tokenizer.special["mask"], vocabulary_of(tokenizer).mask_id
    if example.truth is not None:
        windows = tokenizer.windows(example.fields["text"], max_length=settings.max_length)
        return [row for each in windows for row in _learned(tokenizer, example, each)]
    text = example.fields["text"].replace(MASK, mask)
    (encoding,) = tokenizer.encode([text], max_length=settings.max_length)
    ids = tokenizer.encode([text])[0].ids if encoding.overflowing else encoding.ids
    places = [place for place, each in enumerate(ids) if each == mask_id]
    if not places:
        raise TokenizerError(f"{example.place}: no {mask} in {text!r:.60}; put it where a word is wanted")
    return [_row(tokenizer, example, encoding, ids, place, max_length=settings.max_length) for place in places]


@lru_cache(maxsize=2)
def vocabulary_of(tokenizer) -> MaskingVocabulary:
    """What masking must know of a tokenizer's vocabulary."""
    return MaskingVocabulary.of(tokenizer)


def _learned(tokenizer, example: Example, encoding) -> list[MaskRow]:
    """The row of a window with one token masked, always the same; none if no token can be."""
    ids = np.array(encoding.ids)
    places, _ = mask_row(ids, key=_key(ids), masking=ONE, vocabulary=vocabulary_of(tokenizer))
    row = partial(_row, tokenizer, example, encoding, ids.tolist(), max_length=len(ids))
    return [row(int(place), right=int(ids[place])) for place in places]


def _key(ids: np.ndarray, draw: int = 0) -> int:
    """The key of what is drawn from a window. Args: draw: the key of the seed and the epoch."""
    return key_of(draw, crc32(ids.astype("<i4").tobytes()))


def _row(
    tokenizer, example: Example, encoding, ids: Sequence[int], place: int, *, max_length: int, right: int | None = None
) -> MaskRow:
    room, most = max_length - 2, len(ids) - 2  # without the special tokens at both ends
    begin = max(0, min(place - 1 - room // 2, most - room))
    seen = [ids[0], *ids[1 + begin : 1 + begin + min(room, most)], ids[-1]]
    seen[place - begin] = vocabulary_of(tokenizer).mask_id
    inputs = _inputs(tokenizer, seen, [place - begin])
    return MaskRow(example, inputs, encoding, tokenizer=tokenizer, ids=ids, place=place, right=right)


def _inputs(tokenizer, ids: list[int], positions: list[int]) -> dict[str, list[int]]:
    inputs = {"input_ids": ids, "attention_mask": [1] * len(ids), "mlm_positions": positions}
    return {**inputs, "token_type_ids": [0] * len(ids)} if tokenizer.has_token_types else inputs


def decode(example: Example, rows: Sequence[MaskRow], outputs, settings: Settings) -> list:
    """The best tokens for the mask, best first: `[{"token", "token_str", "score", "sequence"}, ...]`; for a text of
    several masks a list of such lists; [] for a text to learn from in which no token can be masked.

    `token` is the id. The score is the probability in the whole vocabulary, also among `targets`. `sequence` is the
    text with the token in place of the mask, without characters that the vocabulary lacks; beside further masks it has
    special tokens too.
    """
    several = len(rows) > 1
    found = [_best(row, logits, settings, several) for row, logits in zip(rows, outputs["logits"], strict=True)]
    return found[0] if len(found) == 1 else found


def _best(row: MaskRow, logits, settings: Settings, several: bool) -> list[dict]:
    scores = softmax(logits)
    wanted = np.arange(len(scores))
    if settings.targets:
        wanted = np.array(target_ids(row.tokenizer, settings.targets))
    count = min(settings.top_k, len(wanted))
    best = wanted[np.argpartition(-scores[wanted], count - 1)[:count]]
    best = best[np.lexsort((best, -scores[best]))]
    return [
        {
            "token": int(token),
            "token_str": row.tokenizer.decode([token], skip_special_tokens=False),
            "score": float(scores[token]),
            "sequence": row.tokenizer.decode(_with(row, token), skip_special_tokens=not several),
        }
        for token in best
    ]


def _with(row: MaskRow, token: int) -> list[int]:
    """The ids of the whole text with a token in place of the mask."""
    return [*row.ids[: row.place], token, *row.ids[row.place + 1 :]]


@lru_cache(maxsize=8)
def target_ids(tokenizer, targets: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of words, each once.

    Raises:
        TokenizerError: a word is not one token of the vocabulary.
    """
    known = {token: index for index, token in enumerate(tokenizer.vocabulary)}
    found = {}
    for target in targets:
        ids = [known[target]] if target in known else tokenizer.piece_ids([target])[0]
        if len(ids) != 1 or ids[0] == tokenizer.id_of("unk"):
            pieces = ", ".join(repr(tokenizer.vocabulary[each]) for each in ids) or "nothing"
            raise TokenizerError(f"targets: {target!r} is no token of the vocabulary, but {pieces}; use another word")
        found[ids[0]] = None
    return tuple(found)


def choose(example: Example, rows: Sequence[MaskRow], outputs, settings: Settings, choice: Choice) -> list:
    """The answer with another number of tokens."""
    return decode(example, rows, outputs, replace(settings, top_k=choice.top_k))


def targets(tokenizer, row: MaskRow, settings: Settings, key: int = 0) -> tuple[dict, dict, dict]:
    """Masks a window as pre-training does (`kerasbert.tasks.masking`).

    Returns:
        The window's inputs, with the same number of positions for every window: unused ones are 0. The right ids,
        int32 (positions,), and their weights, float32: 0 for an unused one.
    """
    ids = np.array(row.encoding.ids)
    masking = Masking()
    places, replacements = mask_row(ids, key=_key(ids, key), masking=masking, vocabulary=vocabulary_of(tokenizer))
    rest = (0, 1 + int(masking.rate * settings.max_length) - len(places))
    masked = ids.copy()
    masked[places] = replacements
    inputs = _inputs(tokenizer, masked.tolist(), np.pad(places, rest).tolist())
    right, weights = np.pad(ids[places].astype("int32"), rest), np.pad(np.ones(len(places), "float32"), rest)
    return inputs, {"logits": right}, {"logits": weights}


def brief(answered: Answered, settings: Settings) -> Answered:
    """The example with two numbers per row in place of one logit per word: the cross-entropy of the right token, and 1
    if it is the best one, else 0."""
    if "measured" in answered.outputs:
        return answered
    pairs = zip(answered.rows, answered.outputs["logits"], strict=True)
    return replace(answered, outputs={"measured": [_measured(np.float64(logits), row.right) for row, logits in pairs]})


def _measured(logits: np.ndarray, right: int) -> np.ndarray:
    return np.array([np.logaddexp.reduce(logits) - logits[right], logits.argmax() == right])


def figures(answered: Sequence[Answered], settings: Settings) -> dict[str, float]:
    """Share of the masked tokens that the model finds, and the perplexity: exp of the mean cross-entropy.

    Raises:
        DataError: no example has a token that can be masked.
    """
    measured = [numbers for each in answered for numbers in brief(each, settings).outputs["measured"]]
    if not measured:
        path = answered[0].example.path if answered else ""
        raise DataError(f"{path or 'the examples'}: no token can be masked, so there is nothing to measure")
    loss, accuracy = np.mean(measured, axis=0)
    return {"accuracy": float(accuracy), "perplexity": float(np.exp(loss))}


METRICS = {"accuracy": "max", "perplexity": "min"}


def same(a: list, b: list, settings: Settings) -> bool:
    """Whether the best token of each mask is the same."""
    first, other = ([each[0]["token"] for each in _by_mask(answer)] for answer in (a, b))
    return first == other


def _by_mask(answer: list) -> list[list[dict]]:
    return [answer] if answer and isinstance(answer[0], dict) else answer


def _masked(text: str) -> str:
    """A text with a mask in place of its middle word."""
    words = text.split(" ")
    return " ".join([*words[: len(words) // 2], MASK, *words[len(words) // 2 + 1 :]])


GOLDEN = tuple(
    Example({"text": text})
    for text in (
        f"the film was {MASK}.",
        MASK,
        f"Paris is the {MASK} of France.",
        f"😀 Café Müller gehört Frau {MASK}, die in Zürich wohnt.",
        f"The {MASK} was clean, and the {MASK} were kind.",
        f"这家餐厅的菜很{MASK}吃。",
        f"{MASK}, said the old man, and closed the door!",
        f"Не стоит тратить на это {MASK}",
        f'It cost $1,299.00 (he said: "it\'s {MASK}").',
        f"tabs\tand\nnew lines {MASK}   and \u00a0 odd\u200b spaces",
        f"In the {MASK} of " + " ".join(f"street {number} and house {number}," for number in range(200)),
    )
)

TASK = Task(
    name="fill-mask",
    Settings=Settings,
    fields=(Field("text", headers.TEXT, option="text"),),
    golden=GOLDEN,
    calibration=tuple(Example({"text": _masked(text)}) for text in TEXTS),
    words=Words(
        title="Words for a mask",
        longer="A longer text is learned in several windows.",
        verb="fill",
        gives="the words that fit in the place of a mask",
        teaches="Teach a checkpoint the words of your texts: it learns to fill masks, drawn anew in each epoch.",
        shown=GOLDEN[0].fields["text"],
    ),
    format=".txt",
    drawn=True,
    headline="accuracy",
    pose=lambda text: f"{MASK} {text}",
    graphs=graphs,
    rows=rows,
    targets=targets,
    decode=decode,
    choices=lambda settings: ("top_k",),
    choose=choose,
    same=same,
    brief=brief,
    figures=figures,
    metrics=lambda settings: METRICS,
)
