"""Documents -> sentences, by ICU's rules (Unicode annex 29, with its lists of abbreviations)."""

import re
from collections.abc import Sequence

from icu4py.breakers import SentenceBreaker

LOCALE = "en_US@ss=standard"
"""`ss=standard` is what keeps "Mr. Smith" whole; Chinese and Japanese full stops end sentences in any locale."""
PARAGRAPH = "\u2029"

_OPENING = "“‘「『（《〈【〔"  # ICU leaves them with the sentence before, where no space stands between
_BEFORE_A_NAME = frozenset(
    "Dr. St. Gen. Lt. Lieut. Hon. Mme. Mlle. Messrs. Gov. Sen. Adm. Pres. e.g. i.e. cf.".split()  # noqa: SIM905
)
"""What ICU's list of abbreviations lacks, of those that hardly ever end a sentence."""
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_CHARACTERS = 1 << 20  # of one call: to set ICU up takes as long as thousands of characters


def split_by_icu(texts: Sequence[str], *, wrapped: bool) -> list[list[str]]:
    """The sentences of each text, none of which crosses a paragraph.

    Args:
        texts: of documents.
        wrapped: whether a line feed alone is a space and only a blank line ends a paragraph, as in hard-wrapped books.
    """
    found, batch, size = [], [], 0
    for text in texts:
        if size > _CHARACTERS:
            found += _split(batch)
            batch, size = [], 0
        if wrapped:
            text = _BLANK_LINES.sub(PARAGRAPH, text)
        batch.append(text.replace("\n", " " if wrapped else PARAGRAPH))
        size += len(text)
    return found + _split(batch)


def split_by_lines(texts: Sequence[str], *, wrapped: bool) -> list[list[str]]:
    """The lines of each text, for text with one sentence per line."""
    return [[sentence for line in text.split("\n") if (sentence := line.strip())] for text in texts]


SPLITTERS = {"icu": split_by_icu, "lines": split_by_lines}


def _split(texts: list[str]) -> list[list[str]]:
    """All texts in one call: a paragraph's end after each keeps them apart."""
    sentences: list[list[str]] = [[] for _ in texts]
    document = place = 0
    end = len(texts[0]) + 1 if texts else 0
    opened = ""
    for piece in SentenceBreaker(PARAGRAPH.join([*texts, ""]), LOCALE) if texts else ():
        while place >= end:
            document += 1
            end += len(texts[document]) + 1
        place += len(piece)
        piece = opened + piece
        if piece.endswith(". ") and _goes_on(piece):
            opened = piece
            continue
        sentence = piece.rstrip(_OPENING)
        opened = piece[len(sentence) :]
        if sentence := sentence.strip():
            sentences[document].append(sentence)
    return sentences


def _goes_on(piece: str) -> bool:
    """Whether the full stop at the end belongs to a title or an initial ("Dr.", "J."; but "I." is a sentence's end)."""
    word = piece[-12:].rsplit(None, 1)[-1]
    return word in _BEFORE_A_NAME or (len(word) == 2 and word[0].isupper() and word != "I.")
