"""The right answers of a tagger in a file: a tag for each word, or spans of a text."""

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kerasbert.decoding.tags import OUTSIDE, TagError, scheme_of, split_label, to_bio
from kerasbert.errors import DataError
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import is_cjk

log = logging.getLogger("kerasbert")

_WITHOUT_TYPE = {f"{letter}-" for letter in "BIESLU"}
_MANY = 20
"""Fewer types of entities than these are never thought to be a wrong column."""


def tags_or_spans(example: Example) -> list:
    """The right answer of an example.

    Returns:
        One BIO tag per word if the example has words. Else spans `{"start", "end", "label"}` in the order of the text,
        with places in code points.

    Raises:
        DataError: tags that do not fit the words, or spans that overlap or lie outside the text; the message names file
            and line.
    """
    given, value = example.fields["text"], example.truth
    if not isinstance(value, list | tuple):
        mend = "write words with tags as .conll or .jsonl, and texts with spans as .jsonl"
        raise DataError(f"{example.place}: {value!r:.60} is neither a list of tags nor a list of spans; {mend}")
    if isinstance(given, str):
        return _spans(example, given, value)
    if any(isinstance(each, dict) for each in value):
        raise DataError(f"{example.place}: spans need a text, not a list of words; give one tag per word, or a text")
    if len(value) != len(given):
        counts = f"{counted(len(given), 'word')} but {counted(len(value), 'tag')}"
        raise DataError(f"{example.place}: {counts}; each word needs one")
    for place, (word, tag) in enumerate(zip(given, value, strict=True)):
        if not isinstance(tag, str) or not tag:
            place = example.place_of(place)
            raise DataError(f"{place}: the tag of {word!r} is {tag!r}; use a name such as 'O' or 'B-PER'")
        letter, kind = split_label(tag)
        if tag in _WITHOUT_TYPE or (letter and kind == OUTSIDE):
            mend = f"write {tag[:2]}PER for a person, or 'O' for a word of no entity"
            raise DataError(
                f"{example.place_of(place)}: the tag {tag!r} of {word!r} lacks the type of an entity; {mend}"
            )
    return to_bio(value)


def _spans(example: Example, text: str, spans: Sequence) -> list[dict]:
    found = []
    for given in spans:
        span = {**given, "label": given["entity_group"]} if _is_answer(given) else given
        if not isinstance(span, dict) or not {"start", "end", "label"} <= span.keys():
            what = 'a span such as {"start": 0, "end": 3, "label": "PER"}; tags need a list of words'
            raise DataError(f"{example.place}: {span!r:.60} is not {what}")
        found.append(span)
        start, end, label = span["start"], span["end"], span["label"]
        if not all(type(place) is int for place in (start, end)) or not (isinstance(label, str) and label):
            raise DataError(f"{example.place}: {span!r:.80}: use whole numbers for start and end, a name for label")
        if label == OUTSIDE:
            raise DataError(f"{example.place}: the span {start} to {end} has the label 'O', no entity; leave it out")
        if not 0 <= start < end <= len(text) or not text[start:end].strip():
            raise DataError(
                f"{example.place}: the span {start} to {end} holds no text; count from 0 to the text's "
                f"{counted(len(text), 'character')}, with end behind the last one of the entity"
            )
    found.sort(key=lambda span: span["start"])
    for one, other in pairwise(found):
        if other["start"] < one["end"]:
            places = f"{one['start']} to {one['end']} and {other['start']} to {other['end']}"
            raise DataError(f"{example.place}: the spans {places} overlap; keep one of them")
    return found


def _is_answer(span: object) -> bool:
    """Whether a span is an entity as a model answers it."""
    return isinstance(span, dict) and "label" not in span and "entity_group" in span


def survey(examples: Sequence[Example]) -> None:
    """Logs the scheme of a file's tags, and how many of its spans cut a word.

    Raises:
        DataError: a tag does not fit the others of its file, words and tags are swapped, or a right answer cannot be
            used.
    """
    path = examples[0].path or "the examples"
    spans, tags = [], []
    for each in examples:
        found, given = tags_or_spans(each), each.fields["text"]
        if isinstance(given, str):
            spans += [(given, span) for span in found]
        else:
            tags.append(each.truth)
    if spans:
        cut = sum(_cuts(text, span["start"]) or _cuts(text, span["end"]) for text, span in spans)
        inside = f"; {cut} of them begin or end inside a word, and then count with the whole word" if cut else ""
        log.info("%s: %s%s", path, counted(len(spans), "span"), inside)
    if tags:
        try:
            scheme, orphans = scheme_of(tags)
        except TagError as error:
            at = next(each for each in examples if not isinstance(each.fields["text"], str) and error.tag in each.truth)
            raise DataError(f"{at.place_of(list(at.truth).index(error.tag))}: {error}") from None
        words = [word for each in examples if not isinstance(each.fields["text"], str) for word in each.fields["text"]]
        if any(split_label(word)[0] for word in words) and all(
            word == OUTSIDE or split_label(word)[0] for word in words
        ):
            raise DataError(f"{path}: the words are tags such as {words[0]!r}; swap the columns of words and tags")
        ending = f"; {orphans} I- that follow no entity of their type are read as B-" if orphans else ""
        log.info("%s: tags in the scheme %s%s", path, scheme, ending)


def remarks(examples: Sequence[Example], settings) -> Iterator[str]:
    """A remark about tags that are mostly different, such as another column than that of the tags."""
    kinds = [kind for example in examples for kind in kinds_of(tags_or_spans(example)) if kind is not None]
    count = len(set(kinds))
    if count > _MANY and 2 * count > len(kinds):
        of_each = "choose the column of tags with --label-column, if this is another one"
        yield f"{count} different types among {len(kinds)} tagged words or spans; {of_each}"


def kinds_of(found: Sequence) -> list[str | None]:
    """The types of the entities in a right answer, per word or span; None for a word outside of all."""
    if found and isinstance(found[0], str):
        return [None if tag == OUTSIDE else split_label(tag)[1] for tag in found]
    return [span["label"] for span in found]


def _cuts(text: str, place: int) -> bool:
    """Whether a place lies inside a word of letters and digits. A Chinese character is a word by itself."""
    around = text[place - 1 : place + 1] if place else ""
    return len(around) == 2 and all(each.isalnum() and not is_cjk(each) for each in around)
