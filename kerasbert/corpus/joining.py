"""Instances -> the columns of rows that `kerasbert.tf.records` writes: special tokens put in, and rows packed."""

from collections.abc import Sequence

import numpy as np

from kerasbert.corpus.instances import Instance, TokenisedDocuments
from kerasbert.corpus.packing import pack
from kerasbert.tf.records import Column


def join(
    documents: TokenisedDocuments,
    instances: Sequence[Instance],
    *,
    pairs: bool,
    cls_id: int,
    sep_id: int,
    word_starts: np.ndarray | None = None,
    pack_to: int | None = None,
) -> dict[str, Column]:
    """`[CLS] first [SEP]`, or with `pairs` `[CLS] first [SEP] second [SEP]`, of every instance, one or several per row.

    Args:
        word_starts: 1 for each of the documents' tokens that begins a word. pack_to: the most tokens of a row of
            several instances; None for one per row.
    """
    runs = np.array([(i.first, i.second) if pairs else (i.first,) for i in instances], dtype=np.int64)
    runs = runs.reshape(len(instances), 1 + pairs, 2)
    lengths = (runs[:, :, 1] - runs[:, :, 0] + 1).sum(axis=1) + 1
    rows = np.arange(len(instances) + 1)
    labels = np.array([instance.label for instance in instances] if pairs else [], dtype=np.int64)
    if pack_to is not None:
        order, rows = pack(lengths, pack_to)
        runs, lengths = runs[order], lengths[order]
        labels = labels[order] if pairs else labels

    # Each token by its place in the documents' tokens, behind which the two special ones stand.
    begins, sizes = np.ones((2, len(instances), 1 + 2 * runs.shape[1]), dtype=np.int64)
    begins[:, 0] = len(documents.ids)
    begins[:, 1::2], sizes[:, 1::2] = runs[:, :, 0], runs[:, :, 1] - runs[:, :, 0]
    begins[:, 2::2] = len(documents.ids) + 1
    places = ranges(begins.ravel(), sizes.ravel())

    splits = np.concatenate([[0], np.cumsum(lengths)])[rows]
    ids = np.append(documents.ids, np.array([cls_id, sep_id], dtype=documents.ids.dtype))
    columns = {"input_ids": (ids[places], splits), "lengths": (lengths, rows)}
    if pairs:
        columns |= {"first_lengths": (sizes[:, 1] + 2, rows), "nsp_label": (labels, rows)}
    if word_starts is not None:
        columns["word_starts"] = (np.append(word_starts, [1, 1])[places], splits)
    return columns


def ranges(begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """`range(begin, begin + size)` of each, one behind the other."""
    ends = np.cumsum(sizes)
    return np.arange(sizes.sum()) + np.repeat(begins - (ends - sizes), sizes)
