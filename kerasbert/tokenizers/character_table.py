"""The effect of BERT's normalizer and pre-tokenizer on each character, as a table of numbers that a graph can hold.

The table is made by applying the `tokenizers` library to every character, so the graph follows the Unicode version of
that library. This works because each step (clean, space out Chinese, NFD, drop accents, lower-case, split) looks at one
character at a time. The only exception is NFD, which sorts runs of combining marks. Most marks are accents and are
dropped right after; `sorted_marks` finds the others.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tokenizers import normalizers, pre_tokenizers

# A symbol is the result for a character: a code point, with flags above its 21 bits.
CODE_POINT = (1 << 21) - 1
ALONE = 1 << 21  # flag: punctuation or a Chinese character, which is a word by itself
SEVERAL = 1 << 23  # a larger symbol is SEVERAL + the number of a row of `expansions`
SPACE = 0x20
DROPPED = -1

# From here on there are private and unassigned characters, tags and variation selectors: dropped or unchanged.
_PLAIN = 0x34000
_HIGHEST_MARK = "\u0345"  # combining class 240, the highest: NFD moves every other mark before it


@dataclass(frozen=True)
class CharacterTable:
    """The symbols of all code points.

    Args:
        symbols: int32 `(1114112,)`, indexed by code point.
        expansions: int32 `(characters, width)`, one row per character that becomes several: their symbols, followed by
            DROPPED. The width is that of the longest: 3 when accents are stripped.
    """

    symbols: np.ndarray
    expansions: np.ndarray

    def of(self, text: str) -> list[int]:
        """The symbols of a text."""
        row = []
        for symbol in self.symbols[list(map(ord, text))].tolist():
            row += self.expansions[symbol - SEVERAL].tolist() if symbol >= SEVERAL else [symbol]
        return [symbol for symbol in row if symbol != DROPPED]


def characters_of(tokenizer) -> CharacterTable:
    """The table for the options of a `WordPieceTokenizer`."""
    return read_characters(
        do_lower_case=tokenizer.do_lower_case,
        strip_accents=strips_accents(tokenizer),
        tokenize_chinese_chars=tokenizer.tokenize_chinese_chars,
    )


def strips_accents(tokenizer) -> bool:
    """Whether a `WordPieceTokenizer` removes accents; its own option may be None."""
    return tokenizer.do_lower_case if tokenizer.strip_accents is None else tokenizer.strip_accents


@functools.cache
def read_characters(*, do_lower_case: bool, strip_accents: bool, tokenize_chinese_chars: bool) -> CharacterTable:
    """Builds the table for one set of the tokenizer's options. It takes about a second, and the result is cached."""
    normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=tokenize_chinese_chars,
        strip_accents=strip_accents,
        lowercase=do_lower_case,
    )
    # A "0" keeps neighbouring characters apart. The character "0" itself is left out here; it does not change.
    characters = [chr(i) for i in range(_PLAIN) if not 0xD800 <= i <= 0xDFFF and i != ord("0")]
    texts = normalizer.normalize_str("0" + "0".join(characters) + "0").split("0")[1:-1]
    kinds = _symbols_of(set("".join(texts)))

    symbols = np.full(0x110000, DROPPED, np.int32)
    symbols[ord("0")] = ord("0")
    expansions = []
    for character, text in zip(characters, texts, strict=True):
        row = [kinds[each] for each in text]
        if len(row) == 3 and row[::2] == [SPACE, SPACE]:  # a Chinese character: ALONE replaces the spaces around it
            row = [row[1] | ALONE]
        if len(row) > 1:
            symbols[ord(character)] = SEVERAL + len(expansions)
            expansions.append(row)
        elif row:
            symbols[ord(character)] = row[0]
    left = normalizer.normalize_str("".join(map(chr, range(_PLAIN, 0x110000))))
    symbols[list(map(ord, left))] = list(map(ord, left))

    width = max(map(len, expansions), default=1)
    padded = [row + [DROPPED] * (width - len(row)) for row in expansions]
    return CharacterTable(symbols, np.array(padded, np.int32).reshape(-1, width))


def sorted_marks(characters: Iterable[str]) -> list[list[str]]:
    """Finds the combining marks that NFD sorts. Marks of one group keep their order among themselves."""
    nfd = normalizers.NFD().normalize_str
    groups: list[list[str]] = []
    for mark in sorted(characters):
        if nfd(mark) != mark or nfd(_HIGHEST_MARK + mark) == _HIGHEST_MARK + mark:
            continue
        for group in groups:
            if nfd(group[0] + mark) == group[0] + mark and nfd(mark + group[0]) == mark + group[0]:
                group.append(mark)
                break
        else:
            groups.append([mark])
    return groups


def _symbols_of(characters: set[str]) -> dict[str, int]:
    """The symbol of each character of normalised text: its code point, SPACE, or its code point with ALONE."""
    symbols = dict.fromkeys(characters, SPACE)  # white space, which the pre-tokenizer leaves out, keeps this
    for token, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str("0" + "0".join(sorted(characters)) + "0"):
        if token in symbols:
            symbols[token] = ord(token) | ALONE
        else:
            symbols.update((character, ord(character)) for character in token)
    return symbols
