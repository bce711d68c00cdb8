"""The tokenizer that MediaPipe and the Task Library run on the device, in Python. It is not BERT's.

It lower-cases only the letters A to Z and decomposes nothing. So `Café` is [UNK] for a vocabulary that has `cafe`, and
a cased vocabulary loses every word with a capital letter. Accents, capitals of Greek, Cyrillic and other scripts,
voiced kana and all Hangul are read otherwise. No-break spaces and invisible characters are parts of words. Names of
special tokens in a text are read as punctuation and letters.

Source: MediaPipe, bert_preprocessor_calculator.cc and bert_tokenizer.h; tensorflow-text, wordpiece_tokenizer.cc.
"""

import string
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from functools import cache

from kerasbert.tokenizers.character_table import ALONE, CODE_POINT, SPACE, characters_of

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
WHITESPACE = "\t\n\f\r "  # RE2's \s: U+00A0 and U+3000 are parts of words
IDEOGRAPHS = (
    ("\u4e00", "\u9fff"),
    ("\u3400", "\u4dbf"),
    ("\U00020000", "\U0002a6df"),
    ("\U0002a700", "\U0002b73f"),
    ("\U0002b740", "\U0002b81f"),
    ("\U0002b820", "\U0002ceaf"),
    ("\uf900", "\ufaff"),
    ("\U0002f800", "\U0002fa1f"),
)
SCRIPTS = {
    "LATIN": "Latin",
    "GREEK": "Greek",
    "CYRILLIC": "Cyrillic",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HANGUL": "Hangul",
}
"""First word of a character's name in Unicode -> the script that messages name."""
CATEGORIES = {"Mn": "marks", "Zs": "spaces", "Zl": "spaces", "Zp": "spaces", "Cc": "invisible", "Cf": "invisible"}
"""The same by category, for characters that are no letters."""
LONGEST_WORD = 100
"""Most bytes of a word in UTF-8; a longer word is [UNK]. BERT's own limit is 100 characters."""


def mediapipe_tokens(text: str, vocabulary: Container[str]) -> list[str]:
    """MediaPipe's word pieces of a text, without [CLS] and [SEP].

    Args:
        text: as the user typed it.
        vocabulary: the pieces; a set or a dict, for speed.
    """
    text = text.partition("\0")[0]  # MediaPipe passes it on as a C string
    return [piece for word in _words(text.translate(LOWER)) for piece in _pieces(word, vocabulary)]


def read_differently(tokenizer, texts: Iterable[str], *, max_length: int) -> list[str]:
    """The texts whose ids on the device differ from those of a WordPiece tokenizer with the same vocabulary.

    Args:
        max_length: number of tokens that the file takes; tokens that are cut off make no difference.
    """
    ids = {piece: number for number, piece in enumerate(tokenizer.vocabulary)}

    def on_device(text: str) -> list[int]:
        pieces = mediapipe_tokens(text, ids)[: max_length - 2]
        return [ids[piece] for piece in ("[CLS]", *pieces, "[SEP]")]

    return [t for t in texts if tokenizer([t], max_length=max_length)["input_ids"][0].tolist() != on_device(t)]


def misread_characters(tokenizer) -> dict[str, int]:
    """How many characters of each script the device reads otherwise than a WordPiece tokenizer, the most first.

    Characters that the tokenizer itself has no pieces for do not count: they are [UNK] in both.
    """
    table, known = characters_of(tokenizer), set("".join(tokenizer.pieces))
    counts = Counter()
    for code in range(1, 0x30000):  # private and unassigned characters follow
        character = chr(code)
        if unicodedata.category(character) in ("Cn", "Co", "Cs"):
            continue
        ours = table.of(character)
        if ours != _symbols(character) and all(each == SPACE or chr(each & CODE_POINT) in known for each in ours):
            counts[_script(character)] += 1
    return dict(counts.most_common())


def _symbols(character: str) -> list[int]:
    """What the device makes of a character, as `character_table` says it."""
    character = character.translate(LOWER)
    alone = ALONE if _is_alone(character) else 0
    return [SPACE if character in WHITESPACE else ord(character) | alone]


def _script(character: str) -> str:
    category = unicodedata.category(character)
    first, _, _ = unicodedata.name(character, "").partition(" ")
    return CATEGORIES.get(category) or SCRIPTS.get(first, "others")


def _words(text: str) -> Iterator[str]:
    """The words between whitespace, punctuation marks and ideographs, and each of the latter two on its own."""
    start = 0
    for place, character in enumerate(text):
        alone = _is_alone(character)
        if alone or character in WHITESPACE:
            if start < place:
                yield text[start:place]
            if alone:
                yield character
            start = place + 1
    if start < len(text):
        yield text[start:]


@cache
def _is_alone(character: str) -> bool:
    """Whether a character is a word of its own."""
    return (
        character in string.punctuation
        or unicodedata.category(character).startswith("P")
        or any(first <= character <= last for first, last in IDEOGRAPHS)
    )


def _pieces(word: str, vocabulary: Container[str]) -> list[str]:
    """The longest pieces from left to right; [UNK] for the whole word if one is missing."""
    pieces, start = [], 0
    if len(word.encode("utf-8", "surrogatepass")) > LONGEST_WORD:
        return ["[UNK]"]
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces
