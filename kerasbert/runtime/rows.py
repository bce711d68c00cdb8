"""Splits batches into calls: the length of each row, and the rows that share a call."""

from collections.abc import Mapping, Sequence

import numpy as np


def tokens_of(batch: Mapping[str, np.ndarray]) -> list[int]:
    """Number of each row's own tokens, padding not counted."""
    if "attention_mask" in batch:
        return batch["attention_mask"].sum(axis=1).tolist()
    rows, length = batch["input_ids"].shape
    return [length] * rows


def pieces(tokens: Sequence[int], most: int) -> list[slice]:
    """Neighbouring rows that share a call.

    Args:
        tokens: number of each row's tokens.
        most: most tokens in a piece, padding included; a longer row is a piece by itself, with 0 every row.
    """
    found, start, longest = [], 0, 0
    for i, count in enumerate(tokens):
        longest = max(longest, count)
        if i > start and (i + 1 - start) * longest > most:
            found.append(slice(start, i))
            start, longest = i, count
    return [*found, slice(start, len(tokens))]
