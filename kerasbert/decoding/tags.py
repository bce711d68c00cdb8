"""Turns the scores of tokens into entities, and tags of any scheme into BIO.

A label is "O", or the type of an entity with a letter for its place in the entity: B- (begin) and I- (inside) in BIO,
further E- (end) and S- (single) in BIOES, L- (last) and U- (unit) in BILOU. In IO the letter may be missing.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

OUTSIDE = "O"
_LABEL = re.compile("([BIESLU])-(.+)", re.DOTALL)
_ALMOST = re.compile("([BIESLUbieslu])[-_:/.|+](.+)", re.DOTALL)
"""A label whose letter is small, or whose separator is not "-"."""
_BEGINS = "BSU"


def split_label(label: str) -> tuple[str, str]:
    """The letter and the type of a label: ("B", "PER"); the letter is empty for "O" and for types without one."""
    found = _LABEL.fullmatch(label)
    return found.groups() if found else ("", label)


def to_bio(tags: Sequence[str]) -> list[str]:
    """The tags of a sentence in BIO, from any scheme. Every entity begins with B-."""
    found, before = [], OUTSIDE
    for tag in tags:
        letter, kind = split_label(tag)
        begins = kind != before or letter in tuple(_BEGINS)
        found.append(OUTSIDE if tag == OUTSIDE else f"{'B' if begins else 'I'}-{kind}")
        before = kind
    return found


def in_bio_letters(tag: str) -> str:
    """One tag with a letter of BIO in place of its own, whatever stands before it."""
    letter, kind = split_label(tag)
    return tag if not letter else f"{'B' if letter in _BEGINS else 'I'}-{kind}"


def in_scheme_of(labels: Collection[str], tags: Sequence[str]) -> list[str]:
    """The BIO tags of a sentence as a model with these labels names them: in BIOES the last word of an entity is E-, in
    IO no word is B-. A tag for which there is no label stays as it is."""
    found = []
    for place, tag in enumerate(tags):
        letter, kind = split_label(tag)
        last = f"I-{kind}" != (tags[place + 1] if place + 1 < len(tags) else OUTSIDE)
        names = [*(f"{each}-{kind}" for each in _LETTERS.get((letter, last), "")), kind]
        found.append(next((name for name in names if name in labels), tag))
    return found


_LETTERS = {("B", True): "SUBI", ("B", False): "BI", ("I", True): "ELI", ("I", False): "I"}
"""Letter in BIO, whether the word is the last one of its entity -> the letters that other schemes have for it."""


class TagError(ValueError):
    """A tag that does not fit the other tags; `tag` is its name."""

    def __init__(self, tag: str, says: str):
        super().__init__(f"the tag {tag!r} {says}")
        self.tag = tag


def scheme_of(sentences: Iterable[Sequence[str]]) -> tuple[str, int]:
    """The scheme of tags: "BIO", "IOB1", "IO", "BIOES" or "BILOU".

    In IOB1 an entity begins with I-, unless it follows another one of its type. In IO it never begins with B-.

    Returns:
        Its name, and in BIO the number of I- that follow no entity of their type, which begin one.

    Raises:
        TagError: a tag has no letter, but others have; all have another separator than "-" behind the letter; or
            letters of two schemes are mixed.
    """
    letters, orphans, begun, bare = {}, 0, 0, set()
    for tags in sentences:
        before = OUTSIDE
        for tag in tags:
            letter, kind = split_label(tag)
            if tag != OUTSIDE:
                if letter:
                    letters.setdefault(letter, tag)
                else:
                    bare.add(tag)
                orphans += letter == "I" and kind != before
                begun += letter == "B" and kind != before
            before = kind
    if letters and bare:
        says = "has none of the prefixes B-, I-, E-, S-, L- and U-, but others have one; write all tags in one scheme"
        raise TagError(min(bare), says)
    alike = [_ALMOST.fullmatch(tag) for tag in bare]
    if alike and all(alike):
        first = min(alike, key=lambda found: found[0])
        raise TagError(first[0], f"has a prefix of another form; write {first[1].upper()}-{first[2]}, and all tags so")
    for letter in letters.keys() & set("LU"):
        if letters.keys() & set("ES"):
            says = "is of the scheme BILOU, but others have E- or S-, which are of BIOES; write all tags in one scheme"
            raise TagError(letters[letter], says)
    for scheme, marks in (("BIOES", "ES"), ("BILOU", "LU")):
        if letters.keys() & set(marks):
            return scheme, 0
    if "B" not in letters:
        return "IO", 0
    return ("BIO", orphans) if begun else ("IOB1", 0)


WORD_SCORES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "first": lambda scores: scores[0],
    "average": lambda scores: scores.mean(axis=0),
    "max": lambda scores: scores[scores.max(axis=-1).argmax()],
}
"""Strategy -> the scores of a word from those of its pieces, (pieces, labels) -> (labels,): those of its first piece,
their mean, or those of the piece that is surest of a label."""
STRATEGIES = ("none", "simple", *WORD_SCORES)
"""transformers' five aggregation strategies. "none" answers each token and "simple" joins tokens with equal labels. The
others give all pieces of a word one label before they join words."""


def scores_of_words(scores: np.ndarray, words: np.ndarray, strategy: str) -> np.ndarray:
    """The scores of each word.

    Args:
        scores: float (tokens, labels).
        words: int (tokens,), the number of each token's word; the pieces of a word stand beside each other.
        strategy: one of `STRATEGIES`. "none" and "simple" have no rule for words; here they take the first piece's.

    Returns:
        float (words that have tokens, labels).
    """
    pick = WORD_SCORES.get(strategy, WORD_SCORES["first"])
    return np.array([pick(scores[begin:end]) for begin, end in runs(words)]).reshape(-1, scores.shape[-1])


def runs(words: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end of each run of tokens with the same word."""
    borders = [0, *(np.flatnonzero(np.diff(words)) + 1), len(words)]
    return [(int(a), int(b)) for a, b in pairwise(borders) if b > a]


def entities(
    scores: np.ndarray, offsets: np.ndarray, words: np.ndarray, text: str, labels: Sequence[str], strategy: str
) -> list[dict]:
    """Finds the entities of a text, as transformers' `TokenClassificationPipeline` does.

    Args:
        scores: probabilities, float (tokens, labels), without special tokens.
        offsets: int (tokens, 2), begin and end of each token in the text, in code points.
        words: int (tokens,), the number of each token's word.
        text: the text.
        labels: the names of the labels.
        strategy: one of `STRATEGIES`.

    Returns:
        `{"entity_group", "score", "word", "start", "end"}` for each entity, in the order of the text. With "none",
        `{"entity", "score", "index", "word", "start", "end"}` for each token that has a label other than "O"; `index`
        counts the tokens of the text from 1. `word` is the part of the text itself, where transformers joins pieces.
        Labels of BIOES and BILOU are understood too.
    """
    if strategy in WORD_SCORES:
        scores, parts = scores_of_words(scores, words, strategy), runs(words)
    else:
        parts = [(token, token + 1) for token in range(len(scores))]
    best = scores.argmax(axis=-1)
    found = [
        {
            "entity": labels[label],
            "score": float(each[label]),
            "index": begin + 1,
            "word": text[offsets[begin][0] : offsets[end - 1][1]],
            "start": int(offsets[begin][0]),
            "end": int(offsets[end - 1][1]),
        }
        for label, each, (begin, end) in zip(best, scores, parts, strict=True)
    ]
    if strategy == "none":
        return [each for each in found if each["entity"] != OUTSIDE]
    return [_joined(group, text) for group in _groups(found) if group[0]["entity"] != OUTSIDE]


def _groups(found: Sequence[dict]) -> list[list[dict]]:
    """Neighbours of the same type, unless the label of the second one says that an entity begins."""
    groups: list[list[dict]] = []
    for each in found:
        letter, kind = split_label(each["entity"])
        if groups and letter not in tuple(_BEGINS) and split_label(groups[-1][-1]["entity"])[1] == kind:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _joined(group: Sequence[dict], text: str) -> dict:
    start, end = group[0]["start"], group[-1]["end"]
    return {
        "entity_group": split_label(group[0]["entity"])[1],
        "score": float(np.mean([each["score"] for each in group])),
        "word": text[start:end],
        "start": start,
        "end": end,
    }
