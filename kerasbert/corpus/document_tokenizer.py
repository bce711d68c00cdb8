"""Sentences of documents -> word pieces, in the graph for WordPiece and on the host otherwise."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasbert import tokenizers
from kerasbert.corpus.instances import TokenisedDocuments
from kerasbert.tf.wordpiece import InGraphWordPiece

SEGMENTERS: dict[str, Callable[[str], list[str]]] = {"spaces": str.split}
"""By name: a sentence -> its words, for scripts in which a tokenizer cannot see them.

Register your own here, at the top of a script, so that worker processes register it too.
"""

_BATCH = 8192  # sentences: enough to share the graph's overhead, little enough to stay in the cache


class DocumentTokenizer:
    """Tokenises many documents at once, at some millions of tokens per second for WordPiece.

    Args:
        folder: with vocab.txt or tokenizer.json. words: a key of `SEGMENTERS`, or None.
    """

    def __init__(self, folder: Path, words: str | None):
        self._host = tokenizers.load(folder)
        self._segment = None if words is None else SEGMENTERS[words]
        self.cls_id, self.sep_id = self._host.id_of("cls"), self._host.id_of("sep")

    def __call__(self, documents: Sequence[Sequence[str]]) -> tuple[TokenisedDocuments, np.ndarray | None]:
        """The tokens of documents' sentences; if there is a segmenter, also 1 for each token that begins a word.

        Sentences without a token, and documents without such sentences, are left out.
        """
        texts = [sentence for document in documents for sentence in document]
        splits = np.cumsum([0, *map(len, documents)])
        if self._segment is None:
            ids, bounds = self._pieces(texts)
            word_starts = None
        else:
            words = [self._segment(text) for text in texts]
            ids, word_bounds = self._pieces([word for text in words for word in text])
            word_starts = np.zeros(len(ids) + 1, dtype=np.int64)
            word_starts[word_bounds[:-1]] = 1
            word_starts = word_starts[: len(ids)]
            bounds = word_bounds[np.cumsum([0, *map(len, words)])]
        kept = np.flatnonzero(np.diff(bounds))
        sentences = np.append(bounds[kept], len(ids))
        return TokenisedDocuments(ids, sentences, np.unique(np.searchsorted(kept, splits))), word_starts

    def _pieces(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """ids int32 (tokens,), and where each text's begin, int64 (texts + 1,)."""
        ids, counts = [np.zeros(0, dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
        for begin in range(0, len(texts), _BATCH):
            batch = texts[begin : begin + _BATCH]
            if self._host.kind == "wordpiece":
                values, splits = self._graph(batch)
                ids.append(values.numpy())
                counts.append(np.diff(splits.numpy()))
            else:
                rows = self._host.piece_ids([f" {text}" for text in batch])  # a word's space belongs to it
                ids.append(np.fromiter((i for row in rows for i in row), dtype=np.int32))
                counts.append(np.fromiter(map(len, rows), dtype=np.int64))
        return np.concatenate(ids), np.cumsum(np.concatenate(counts))

    @cached_property
    def _graph(self):
        tokenizer = InGraphWordPiece(self._host)

        def pieces(texts):
            found = tokenizer.pieces(texts)
            return found.values, found.row_splits

        return tf.function(pieces, input_signature=[tf.TensorSpec((None,), tf.string)])
