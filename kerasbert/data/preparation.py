"""One slice of a corpus -> shards: the function that every engine runs, whose bytes depend on its arguments alone."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.data.documents import FORMATS, Document, Span, read_documents
from kerasbert.data.draws import key_of
from kerasbert.data.instances import MODES, Instance, TokenisedDocuments
from kerasbert.data.packing import pack
from kerasbert.data.records import encode, write_records
from kerasbert.data.sentences import SPLITTERS
from kerasbert.errors import ConfigError
from kerasbert.files import write_text

SEGMENTERS: dict[str, Callable[[str], list[str]]] = {"spaces": str.split}
"""By name: a sentence -> its words, for scripts in which a tokenizer cannot see them. Register your own here."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the bytes of prepared data, besides the text and the vocabulary.

    Attributes:
        mode: a key of `kerasbert.data.instances.MODES`.
        documents: a key of `kerasbert.data.documents.FORMATS`. sentences: of `kerasbert.data.sentences.SPLITTERS`.
        max_length: tokens of a row, special ones included.
        short_probability: share of instances that aim at a random shorter length.
        packed: whether rows hold several instances.
        words: a key of `SEGMENTERS`, or None: words are what the tokenizer makes of spaces.
        errors: "strict" or "replace", for bytes that are not UTF-8.
        slice_bytes: text of a shard, about.
        seed: of every draw.
    """

    mode: str = "mlm"
    documents: str = "blank-lines"
    sentences: str = "icu"
    max_length: int = 512
    short_probability: float = 0.1
    packed: bool = False
    words: str | None = None
    errors: str = "strict"
    slice_bytes: int = 16 << 20
    seed: int = 0

    def __post_init__(self):
        for name, known in (
            ("mode", MODES),
            ("documents", FORMATS),
            ("sentences", SPLITTERS),
            ("words", {None: None, **SEGMENTERS}),
        ):
            if getattr(self, name) not in known:
                names = ", ".join(str(key) for key in known)
                raise ConfigError(f"{name} is {getattr(self, name)!r}: use one of {names}")
        if self.max_length < 8:
            raise ConfigError(f"max_length is {self.max_length}: use 8 or more")
        if not 0 <= self.short_probability <= 1:
            raise ConfigError(f"short_probability is {self.short_probability}: use a share from 0 to 1")

    @property
    def pairs(self) -> bool:
        return self.mode != "mlm"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Facts of one shard, kept beside it and summed in the index.

    Attributes:
        file: its name. rows, instances, documents, tokens (special ones included), random (pairs of label 1): counts.
        most: instances of a row, at the most. largest_id: in it.
        lengths: rows by tokens, 32 classes of equal width up to max_length.
        bytes: of text read. seconds: CPU time it took; not part of what must be equal.
    """

    file: str
    rows: int
    instances: int
    documents: int
    tokens: int
    random: int
    most: int
    largest_id: int
    lengths: list
    bytes: int
    seconds: float


CLASSES = 32


def prepare_slice(folder: Path, number: int, spans: Sequence[Span], settings: Settings) -> list[Shard]:
    """Writes the shards of one slice into `folder/shards`, leaving out those that are there already.

    A slice is one shard, unless it is a compressed file that holds more text than `slice_bytes`.

    Args:
        folder: with the tokenizer in `folder/tokenizer`. number: of the slice; with the seed, the key of its draws.
        spans: from `kerasbert.data.documents.plan_slices`.

    Returns:
        What the shards hold.
    """
    tokeniser = _tokeniser(folder / "tokenizer", settings.words)
    shards = []
    started = time.process_time()
    for part, documents in enumerate(_parts(read_documents(spans, settings.documents, settings.errors), settings)):
        name = f"{number:05d}-{part:04d}"
        facts = folder / "shards" / f"{name}.json"
        if facts.exists():  # written after the shard itself, so the shard is whole
            shards.append(Shard(**json.loads(facts.read_text(encoding="utf-8"))))
            started = time.process_time()
            continue
        texts = [document.text for document in documents]
        sentences = SPLITTERS[settings.sentences](texts, wrapped=FORMATS[settings.documents].wrapped)
        tokens, word_starts = tokeniser.tokenise(sentences)
        counts, columns = _rows(tokens, word_starts, tokeniser, settings, key_of(settings.seed, number, part))
        path = folder / "shards" / f"{name}.tfrecord"
        building = path.with_name(f".{path.name}")
        places = write_records(building, encode(columns))
        np.save(path.with_suffix(".npy"), np.column_stack([places, np.diff(columns["input_ids"][1])]))
        building.replace(path)
        shard = Shard(
            file=path.name,
            documents=len(documents),
            bytes=sum(map(len, texts)),
            seconds=round(time.process_time() - started, 3),
            **counts,
        )
        write_text(facts, json.dumps(asdict(shard)) + "\n")
        shards.append(shard)
        started = time.process_time()
    return shards


def _parts(documents: Iterator[Document], settings: Settings) -> Iterator[list[Document]]:
    """Runs of documents of about `slice_bytes`; the last run takes a small rest."""
    part, size = [], 0
    for document in documents:
        if size > settings.slice_bytes * 1.5:
            yield part
            part, size = [], 0
        part.append(document)
        size += len(document.text)
    if part:
        yield part


def _rows(tokens: TokenisedDocuments, word_starts, tokeniser, settings: Settings, key: int):
    """The counts of a shard and the columns of its rows."""
    options = {"max_length": settings.max_length, "short_probability": settings.short_probability, "key": key}
    if settings.pairs:
        options["swap"] = settings.mode == "mlm-sop"
    instances = list(MODES[settings.mode](tokens, **options))
    ids, splits, first_lengths, source = _join(tokens.ids, instances, tokeniser)
    lengths = np.diff(splits)
    order, rows = np.arange(len(lengths)), np.arange(len(lengths) + 1)
    if settings.packed:
        order, rows = pack(lengths, settings.max_length)
        ids, source = _reorder(ids, splits, order), _reorder(source, splits, order)
        lengths, first_lengths = lengths[order], first_lengths[order]
        splits = np.concatenate([[0], np.cumsum(lengths)])
    row_splits = splits[rows]
    columns = {"input_ids": (ids, row_splits), "lengths": (lengths, rows)}
    labels = np.array([instance.label or 0 for instance in instances], dtype=np.int64)[order]
    if settings.pairs:
        columns |= {"first_lengths": (first_lengths, rows), "nsp_label": (labels, rows)}
    if word_starts is not None:
        columns["word_starts"] = (np.append(word_starts, 1)[source], row_splits)
    sizes = np.diff(row_splits)
    counts = {
        "rows": len(rows) - 1,
        "instances": len(instances),
        "tokens": int(sizes.sum()),
        "random": int(labels.sum()),
        "most": int(np.diff(rows).max(initial=0)),
        "largest_id": int(ids.max(initial=0)),
        "lengths": np.bincount((sizes - 1) * CLASSES // settings.max_length, minlength=CLASSES).tolist(),
    }
    return counts, columns


def _join(ids: np.ndarray, instances: Sequence[Instance], tokeniser: "_Tokeniser"):
    """`[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]` of every instance, in one array.

    Returns:
        ids int32, where each instance begins, tokens of each first segment, and for each token its place in the
        documents' ids (special tokens: the place behind the last).
    """
    pairs = bool(instances) and instances[0].second is not None
    runs = np.array([(*i.first, *i.second) if pairs else i.first for i in instances], dtype=np.int64)
    runs = runs.reshape(len(instances), -1, 2)
    sizes = runs[:, :, 1] - runs[:, :, 0]
    # Places in a text with three strangers at its end: the ids of the special tokens.
    extended = np.concatenate([ids, np.array([tokeniser.cls_id, tokeniser.sep_id], dtype=ids.dtype)])
    cls, sep = len(ids), len(ids) + 1
    widths = np.empty((len(instances), 1 + 2 * runs.shape[1]), dtype=np.int64)
    begins = np.empty_like(widths)
    widths[:, 0], begins[:, 0] = 1, cls
    for segment in range(runs.shape[1]):
        widths[:, 1 + 2 * segment], begins[:, 1 + 2 * segment] = sizes[:, segment], runs[:, segment, 0]
        widths[:, 2 + 2 * segment], begins[:, 2 + 2 * segment] = 1, sep
    flat = widths.reshape(-1)
    ends = np.cumsum(flat)
    place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins.reshape(-1) - (ends - flat), flat)
    splits = np.concatenate([[0], np.cumsum(widths.sum(axis=1))])
    first_lengths = 2 + sizes[:, 0] if len(instances) else np.zeros(0, dtype=np.int64)
    return extended[place], splits, first_lengths, np.minimum(place, len(ids))


def _reorder(values: np.ndarray, splits: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The rows of a ragged array in another order."""
    sizes = np.diff(splits)[order]
    ends = np.cumsum(sizes)
    return values[np.arange(len(values)) + np.repeat(splits[:-1][order] - (ends - sizes), sizes)]


class _Tokeniser:
    """Sentences of documents -> `TokenisedDocuments`, in the graph for WordPiece and on the host otherwise."""

    BATCH = 8192  # sentences: enough to share the graph's overhead, little enough to stay in the cache

    def __init__(self, folder: Path, words: str | None):
        self.host = tokenizers.load(folder)
        self.segment = None if words is None else SEGMENTERS[words]
        self.cls_id, self.sep_id = self.host.id_of("cls"), self.host.id_of("sep")

    @cached_property
    def _graph(self):
        import tensorflow as tf

        from kerasbert.tokenizers.in_graph import InGraphWordPiece

        tokenizer = InGraphWordPiece(self.host)

        def pieces(texts):
            found = tokenizer.pieces(texts)
            return found.values, found.row_splits

        return tf.function(pieces, input_signature=[tf.TensorSpec((None,), tf.string)])

    def tokenise(self, documents: Sequence[Sequence[str]]) -> tuple[TokenisedDocuments, np.ndarray | None]:
        """Also 1 for each token that begins a word, if there is a segmenter. Sentences without a token are left out."""
        texts = [sentence for document in documents for sentence in document]
        splits = np.concatenate([[0], np.cumsum([len(document) for document in documents])]).astype(np.int64)
        if self.segment is None:
            ids, bounds = self._pieces(texts)
            word_starts = None
        else:
            words = [self.segment(text) for text in texts]
            ids, word_bounds = self._pieces([word for text in words for word in text])
            word_starts = np.zeros(len(ids) + 1, dtype=np.int64)
            word_starts[word_bounds[:-1]] = 1
            word_starts = word_starts[: len(ids)]
            bounds = word_bounds[np.concatenate([[0], np.cumsum([len(text) for text in words])]).astype(np.int64)]
        kept = np.flatnonzero(np.diff(bounds))
        sentences = np.concatenate([bounds[:-1][kept], bounds[-1:]])
        return TokenisedDocuments(ids, sentences, np.unique(np.searchsorted(kept, splits))), word_starts

    def _pieces(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """ids int32 (tokens,), and where each text's begin, int64 (texts + 1,)."""
        ids, counts = [], []
        for begin in range(0, len(texts), self.BATCH):
            batch = texts[begin : begin + self.BATCH]
            if self.host.kind == "wordpiece":
                values, splits = self._graph(batch)
                ids.append(values.numpy())
                counts.append(np.diff(splits.numpy()))
            else:
                rows = self.host.pieces([f" {text}" for text in batch])  # a word's space belongs to it
                ids.append(np.fromiter((i for row in rows for i in row), dtype=np.int32))
                counts.append(np.fromiter(map(len, rows), dtype=np.int64))
        joined = np.concatenate([np.zeros(0, dtype=np.int32), *ids])
        return joined, np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, dtype=np.int64), *counts]))])


@lru_cache(maxsize=1)
def _tokeniser(folder: Path, words: str | None) -> _Tokeniser:
    return _Tokeniser(folder, words)
