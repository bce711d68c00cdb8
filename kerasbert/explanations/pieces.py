"""Adds up the attributions of the tokens of one or several windows, by token and by word of the text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from kerasbert.explanations.attribution import Piece
from kerasbert.tasks.task import Row
from kerasbert.tasks.words import as_text


def pieces_of(
    rows: Sequence[Row], attributions: Sequence[np.ndarray], fields: Sequence[str]
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The tokens and the words of some rows of an example.

    A token that stands in several windows gets the sum of its attributions there.

    Args:
        attributions: for each row (tokens,).
        fields: the names of the fields of the first text and of the second.

    Returns:
        Tokens and words, in the order of the texts.
    """
    tokens: dict[tuple, Piece] = {}
    words: dict[tuple, Piece] = {}
    for row, numbers in zip(rows, attributions, strict=True):
        seen: Counter = Counter()
        for place, (token, word) in enumerate(zip(row.encoding.tokens, row.encoding.word_ids, strict=True)):
            sequence = row.encoding.sequence_ids[place]
            if sequence is None:
                continue
            start, end = row.encoding.offsets[place]
            piece = Piece(text=token, field=fields[sequence], start=start, end=end, attribution=float(numbers[place]))
            same = (sequence, start, end, token)  # the bytes of one character share its place
            _add(tokens, (*same, seen[same]), piece)
            seen[same] += 1
            _add(words, (sequence, word), piece)
    texts = {name: as_text(rows[0].example.fields[name]) for name in {each.field for each in words.values()}}
    whole = (replace(each, text=texts[each.field][each.start : each.end]) for each in words.values())
    return _in_order(tokens.values(), fields), _in_order(whole, fields)


def _add(found: dict, key: tuple, piece: Piece) -> None:
    """Adds a piece to the one that is there."""
    if key in found:
        old = found[key]
        ends = {"start": min(old.start, piece.start), "end": max(old.end, piece.end)}
        piece = replace(old, **ends, attribution=old.attribution + piece.attribution)
    found[key] = piece


def _in_order(pieces: Iterable[Piece], fields: Sequence[str]) -> tuple[Piece, ...]:
    return tuple(sorted(pieces, key=lambda each: (fields.index(each.field), each.start, each.end)))
