"""The right answers of a tagger in a file: a tag for each word, or spans of a text."""

import logging
from collections.abc import Sequence
from itertools import pairwise

from kerasbert.decoding.tags import OUTSIDE, scheme_of, split_label, to_bio
from kerasbert.errors import DataError
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import is_cjk

log = logging.getLogger("kerasbert")


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
        raise DataError(f"{example.place}: {value!r:.60} is neither a list of tags nor a list of spans")
    if isinstance(given, str):
        return _spans(example, given, value)
    if len(value) != len(given):
        raise DataError(f"{example.place}: {len(given)} words but {len(value)} tags; each word needs one")
    for word, tag in zip(given, value, strict=True):
        if not isinstance(tag, str) or not tag:
            raise DataError(f"{example.place}: the tag of {word!r} is {tag!r}, not a name such as 'O' or 'B-PER'")
    return to_bio(value)


def _spans(example: Example, text: str, spans: Sequence) -> list[dict]:
    for span in spans:
        if not isinstance(span, dict) or not {"start", "end", "label"} <= span.keys():
            what = 'a span such as {"start": 0, "end": 3, "label": "PER"}; tags need a list of words'
            raise DataError(f"{example.place}: {span!r:.60} is not {what}")
        start, end, label = span["start"], span["end"], span["label"]
        if not all(type(place) is int for place in (start, end)) or not (isinstance(label, str) and label):
            raise DataError(f"{example.place}: {span!r:.80}: use whole numbers for start and end, a name for label")
        if not 0 <= start < end <= len(text) or not text[start:end].strip():
            raise DataError(
                f"{example.place}: the span {start} to {end} holds no text; the text has {len(text)} characters"
            )
    found = sorted(spans, key=lambda span: span["start"])
    for one, other in pairwise(found):
        if other["start"] < one["end"]:
            places = f"{one['start']} to {one['end']} and {other['start']} to {other['end']}"
            raise DataError(f"{example.place}: the spans {places} overlap; keep one of them")
    return found


def survey(examples: Sequence[Example]) -> None:
    """Logs the scheme of a file's tags, and how many of its spans cut a word.

    Raises:
        DataError: a tag lacks the prefix that others of its file have, or a right answer cannot be used.
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
        log.info(
            "%s: %d spans; %d of them begin or end inside a word, and then count with the whole word",
            path,
            len(spans),
            cut,
        )
    if tags:
        try:
            scheme, orphans = scheme_of(tags)
        except ValueError as error:
            place = next(each.place for each in examples if any(map(_is_bare, each.truth)))
            raise DataError(f"{place}: {error}") from None
        ending = f"; {orphans} I- that follow no entity of their type are read as B-" if orphans else ""
        log.info("%s: tags in the scheme %s%s", path, scheme, ending)


def _is_bare(tag) -> bool:
    return isinstance(tag, str) and tag != OUTSIDE and not split_label(tag)[0]


def _cuts(text: str, place: int) -> bool:
    """Whether a place lies inside a word of letters and digits. A Chinese character is a word by itself."""
    around = text[place - 1 : place + 1] if place else ""
    return len(around) == 2 and all(each.isalnum() and not is_cjk(each) for each in around)
