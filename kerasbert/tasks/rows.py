"""Texts -> rows of ids -> padded batches, in NumPy."""

from collections.abc import Mapping, Sequence

import numpy as np

ROUND_TO = 8
"""Batch lengths are multiples of this, so that a compiler meets a handful of shapes and not one for every length."""
WINDOW = 50
"""Batches that are sorted by length among themselves."""


def token_rows(
    tokenizer, texts: Sequence[str], pairs: Sequence[str] | None, *, max_length: int, names: Sequence[str]
) -> dict:
    """Each text's ids, mask and segments, unpadded: name -> a row an example, for the inputs in `names`."""
    encodings = tokenizer.encode(texts, pairs, max_length=max_length)
    columns = {
        "input_ids": lambda encoding: encoding.ids,
        "attention_mask": lambda encoding: [1] * len(encoding.ids),
        "token_type_ids": lambda encoding: encoding.type_ids,
    }
    return {name: [columns[name](encoding) for encoding in encodings] for name in names}


def pad_rows(
    rows: Mapping[str, Sequence[Sequence[int]]], chosen, *, max_length: int, pad_id: int
) -> dict[str, np.ndarray]:
    """The rows numbered `chosen` as int32 (chosen, length), filled on the right up to the longest, rounded up."""
    longest = max(len(rows["input_ids"][i]) for i in chosen)
    length = min(max_length, -(-longest // ROUND_TO) * ROUND_TO)
    batch = {name: np.full((len(chosen), length), pad_id if name == "input_ids" else 0, dtype="int32") for name in rows}
    for name, padded in batch.items():
        for target, i in zip(padded, chosen, strict=True):
            target[: len(rows[name][i])] = rows[name][i]
    return batch


def batch_order(lengths: np.ndarray, batch_size: int, *, seed: int | None, epoch: int = 0) -> list[np.ndarray]:
    """The examples of each batch of an epoch, a pure function of its arguments.

    With a seed: shuffled, sorted by length within windows of `WINDOW` batches, cut, and the batches shuffled. Texts of
    one length share a batch, which halves the padding on ordinary sentences. Without: as they stand.
    """
    order = np.arange(len(lengths))
    if seed is None:
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    random = np.random.default_rng([seed, epoch])
    random.shuffle(order)
    batches = []
    for start in range(0, len(order), WINDOW * batch_size):
        window = order[start : start + WINDOW * batch_size]
        window = window[np.argsort(lengths[window], kind="stable")]
        batches += [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]
