"""Joins words to a text, so that a text and its words give the same tokens and offsets."""

import re
from collections.abc import Sequence

CJK = re.compile("[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003134f]")
"""Characters of scripts that are written without spaces, and their punctuation."""


def is_cjk(character: str) -> bool:
    """Whether a character belongs to Chinese or Japanese, which are written without spaces between words."""
    return CJK.match(character) is not None


def as_text(value: str | Sequence[str]) -> str:
    """A text as it is; words joined to one."""
    return value if isinstance(value, str) else join_words(value)[0]


def join_words(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Joins words with spaces, but without one beside a Chinese or Japanese character.

    Returns:
        The text, and where each word begins and ends in it, in code points.
    """
    parts, places, size = [], [], 0
    for word in words:
        if parts and not (is_cjk(parts[-1][-1:]) or is_cjk(word[:1])):
            parts.append(" ")
            size += 1
        parts.append(word)
        places.append((size, size + len(word)))
        size += len(word)
    return "".join(parts), places
