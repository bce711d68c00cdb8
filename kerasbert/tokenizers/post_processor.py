"""Checks that a tokenizer.json puts the special tokens and segments of a row where our tokenizers put them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from kerasbert.errors import TokenizerError

Row = Sequence[tuple[str, int]]
"""Token and segment of each token in a row. The texts are the tokens "A" and "B"."""


def check_post_processor(path: Path, content: Mapping, *, single: Row, pair: Row) -> None:
    """Applies the post-processor of a tokenizer.json to one-token texts, and compares the rows with ours.

    A file whose post-processor adds no special token passes, because transformers' BERT and RoBERTa classes then use
    their own. So does a file without one.

    Args:
        path: the file, for errors.
        content: its content.
        single, pair: our rows of a text and of a pair.

    Raises:
        TokenizerError: other rows, or a post-processor that the library cannot use.
    """
    if content.get("post_processor") is None:
        return
    words = {"type": "WordLevel", "vocab": {"A": 0, "B": 1}, "unk_token": "A"}
    parts = ("truncation", "padding", "normalizer", "pre_tokenizer", "decoder")
    alone = {"version": "1.0", "added_tokens": [], **dict.fromkeys(parts), "model": words}
    try:
        backend = Tokenizer.from_str(json.dumps({**alone, "post_processor": content["post_processor"]}))
        unknown = sorted(_undefined(content["post_processor"]))
        if unknown:  # the library would panic
            raise ValueError(f"its template has the token {unknown[0]!r}, which special_tokens lacks")
    except Exception as error:  # the library raises a bare Exception for files that it cannot use
        raise TokenizerError(f"{path}: post_processor cannot be used: {error}") from error
    if backend.encode("A").tokens == ["A"]:
        return
    for found, wanted in ((backend.encode("A"), single), (backend.encode("A", "B"), pair)):
        row = list(zip(found.tokens, found.type_ids, strict=False))  # a template may name fewer tokens than ids
        if row != list(wanted):
            raise TokenizerError(
                f"{path}: post_processor makes the row {_shown(row)} (token/segment); kerasbert makes {_shown(wanted)}"
            )


def _undefined(processor: Mapping) -> set[str]:
    """The special tokens of templates that the post-processor does not define."""
    if processor["type"] == "Sequence":
        return {name for each in processor["processors"] for name in _undefined(each)}
    if processor["type"] != "TemplateProcessing":
        return set()
    pieces = [*processor["single"], *processor["pair"]]
    return {piece["SpecialToken"]["id"] for piece in pieces if "SpecialToken" in piece} - set(
        processor["special_tokens"]
    )


def _shown(row: Row) -> str:
    return " ".join(f"{token}/{segment}" for token, segment in row)
