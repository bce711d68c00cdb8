"""What BERT's normalizer and pre-tokenizer do to each character, as a table of numbers that a graph can hold.

The table is read off the `tokenizers` library itself, a character at a time, so that the graph follows whatever Unicode
version that library was built with. That works because each step (clean, space out Chinese, NFD, drop accents, lower-case,
split) looks at one character at a time, with one exception: NFD sorts runs of combining marks. The marks that survive the
dropping of accents therefore carry their combining class.
"""

import functools
import unicodedata
from dataclasses import dataclass

import numpy as np
from tokenizers import normalizers, pre_tokenizers

# A symbol is what a character turns into: a code point with flags above its 21 bits.
CODE_POINT = (1 << 21) - 1
ALONE = 1 << 21  # punctuation or a Chinese character: a word of its own
CLASS_SHIFT = 22  # eight bits: the combining class of a mark that survives
SEVERAL = 1 << 30  # not a code point but the row of `expansions`
SPACE = 0x20
BARRIER = 0  # a dropped mark that stops the sorting of marks across it
DROPPED = -1

_HIGHEST_MARK = "\u0345"  # combining class 240, above all others
_LAST_ASSIGNED_PAGE = 0x400
_PAGE = 256


@dataclass(frozen=True)
class CharacterTable:
    """Symbols of all code points: `code_point + deltas[pages[code_point >> 8], code_point & 255]`, dropped where negative.

    Args:
        pages: int32 `(4352,)`, the row of `deltas` for each 256 code points.
        deltas: int32 `(rows, 256)`.
        expansions: for each character that becomes several, their symbols.
    """

    pages: np.ndarray
    deltas: np.ndarray
    expansions: tuple[tuple[int, ...], ...]

    def symbols(self, code_points: np.ndarray) -> np.ndarray:
        """The symbols of an array of code points, int32."""
        return code_points + self.deltas[self.pages[code_points >> 8], code_points & 255]


@functools.cache
def read_characters(*, do_lower_case: bool, strip_accents: bool, tokenize_chinese_chars: bool) -> CharacterTable:
    """Builds the table for one set of the tokenizer's options (about a second; kept for the next call)."""
    normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=tokenize_chinese_chars,
        strip_accents=strip_accents,
        lowercase=do_lower_case,
    )
    # Planes above the fourth hold nothing but private characters, tags and unassigned ones: one page stands for most.
    planes = range(4, 17)
    sampled = [*range(_LAST_ASSIGNED_PAGE), *range(0xE00, 0xE10)]
    sampled += [plane * 256 + page for plane in planes for page in (0x10, 0xFF)]
    code_points = np.concatenate([np.arange(page * _PAGE, (page + 1) * _PAGE) for page in sampled])
    code_points = code_points[(code_points < 0xD800) | (code_points > 0xDFFF)]

    texts = _each(normalizer, code_points)
    kinds = _kinds_of("".join(texts))
    classes = _surviving_classes(code_points, texts) if strip_accents else {}
    barriers = _barriers(code_points, texts) if strip_accents else set()

    symbols = np.full(0x110000, DROPPED, np.int32)
    expansions = []
    for code_point, text in zip(code_points.tolist(), texts, strict=True):
        row = tuple(kinds[character] for character in text)
        if len(row) > 1:
            symbols[code_point] = SEVERAL + len(expansions)
            expansions.append(row)
        elif row:
            symbols[code_point] = row[0] + (classes.get(code_point, 0) << CLASS_SHIFT)
        elif code_point in barriers:
            symbols[code_point] = BARRIER
    pages = symbols.reshape(-1, _PAGE)
    # Differences, not symbols: then all pages of ordinary letters are the same page, and so are all Chinese ones.
    deltas = np.where(pages == DROPPED, -(1 << 21), pages - np.arange(0x110000, dtype=np.int32).reshape(-1, _PAGE))
    for plane in planes:
        for page in range(plane * 256, plane * 256 + 255):
            if page not in sampled:
                deltas[page] = deltas[plane * 256 + 0x10]
    rows, index = np.unique(deltas, axis=0, return_inverse=True)
    return CharacterTable(index.reshape(-1).astype(np.int32), rows.astype(np.int32), tuple(expansions))


def _each(normalizer, code_points: np.ndarray, before: str = "") -> list[str]:
    """Normalises `before` + each character apart from the others, in one call: digits between them keep them apart."""
    characters = ["1" if code_point == 0x30 else before + chr(code_point) for code_point in code_points.tolist()]
    texts = normalizer.normalize_str("0" + "0".join(characters) + "0").split("0")[1:-1]
    return ["0" if code_point == 0x30 else text for code_point, text in zip(code_points.tolist(), texts, strict=True)]


def _kinds_of(text: str) -> dict[str, int]:
    """The symbol of each distinct character of an already normalised text: an ordinary one, a space, or one alone."""
    characters = sorted(set(text) - {"0"})
    symbols = dict.fromkeys(characters, SPACE)  # what the pre-tokenizer leaves out is white space
    for token, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str("0" + "0".join(characters) + "0"):
        if token in symbols:
            symbols[token] = ord(token) | ALONE
        else:
            symbols.update((character, ord(character)) for character in token)
    return symbols | {"0": ord("0")}


def _surviving_classes(code_points: np.ndarray, texts: list[str]) -> dict[int, int]:
    """The combining class of each mark that is not dropped: where NFD puts it among marks whose class is known."""
    marks = {unicodedata.combining(chr(code_point)): chr(code_point) for code_point in range(0x300, 0x3100)}
    marks.pop(0)
    nfd = normalizers.NFD()
    decomposed = _each(nfd, code_points, before=_HIGHEST_MARK)
    return {
        code_point: max(
            (known for known, mark in marks.items() if nfd.normalize_str(mark + text)[0] == mark), default=0
        )
        for code_point, text, after in zip(code_points.tolist(), texts, decomposed, strict=True)
        if text == chr(code_point) and after[0] != _HIGHEST_MARK
    }


def _barriers(code_points: np.ndarray, texts: list[str]) -> set[int]:
    """Marks that are dropped as accents, hence after the sorting, and have class 0."""
    cleaner = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    cleaned = _each(cleaner, code_points)
    decomposed = _each(normalizers.NFD(), code_points, before=_HIGHEST_MARK)
    return {
        code_point
        for code_point, text, clean, after in zip(code_points.tolist(), texts, cleaned, decomposed, strict=True)
        if not text and clean and after[0] == _HIGHEST_MARK and chr(code_point) != _HIGHEST_MARK
    }
