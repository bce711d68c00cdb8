"""The options of a tokenizer as kerasbert.json has them: their names, types and the file of the vocabulary."""

from dataclasses import dataclass

from kerasbert.schema import from_json


@dataclass(frozen=True, kw_only=True)
class AddedToken:
    """A token that is matched whole in the text; the flags are those of tokenizer.json."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = False


@dataclass(frozen=True, kw_only=True)
class WordPieceOptions:
    """Options of `kerasbert.tokenizers.wordpiece.WordPieceTokenizer`."""

    kind: str
    do_lower_case: bool
    strip_accents: bool | None
    tokenize_chinese_chars: bool
    added_tokens: list[AddedToken]


@dataclass(frozen=True, kw_only=True)
class BytePairOptions:
    """Options of `kerasbert.tokenizers.bytepair.BytePairTokenizer`; tokenizer.json holds the others."""

    kind: str


KINDS = {"wordpiece": (WordPieceOptions, "vocab.txt"), "bytepair": (BytePairOptions, "tokenizer.json")}
"""Kind of tokenizer -> its options, and the file of its vocabulary."""


def check_options(options: dict) -> str:
    """Checks options that were read from a file, and returns the name of the file of the vocabulary.

    Raises:
        ValueError: an unknown kind, a missing or unknown key, or a value of another type; the message names it.
    """
    kind = options.get("kind")
    if kind not in KINDS:
        raise ValueError(f"tokenizer.kind is {kind!r}: use one of {', '.join(KINDS)}")
    options_of_kind, vocabulary = KINDS[kind]
    from_json(options_of_kind, options, "tokenizer")
    return vocabulary
