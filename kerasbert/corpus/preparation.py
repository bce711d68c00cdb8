"""One slice of a corpus -> shards: the function that every engine runs, whose bytes depend on its arguments alone."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from kerasbert.corpus.document_tokenizer import SEGMENTERS, DocumentTokenizer
from kerasbert.corpus.documents import ENCODING_ERRORS, FORMATS, SLICE_BYTES, Document, Span, read_documents
from kerasbert.corpus.index import CLASSES, Shard
from kerasbert.corpus.instances import MODES
from kerasbert.corpus.joining import join
from kerasbert.errors import ConfigError
from kerasbert.files import new_file, write_text
from kerasbert.tasks.draws import key_of
from kerasbert.tasks.sentences import SPLITTERS
from kerasbert.tf.records import encode, write_records


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the bytes of prepared data, besides the text and the vocabulary.

    Attributes:
        mode: a key of `kerasbert.corpus.instances.MODES`.
        documents: a key of `kerasbert.corpus.documents.FORMATS`, or "auto", to go by the files' names.
        sentences: a key of `kerasbert.tasks.sentences.SPLITTERS`.
        max_length: tokens of the longest row, special ones included.
        short_probability: share of instances that aim at a random shorter length.
        packed: whether rows hold several instances.
        words: a key of `kerasbert.corpus.document_tokenizer.SEGMENTERS`; None, and words are what the tokenizer says.
        errors: "strict" or "replace", for bytes that are not UTF-8.
        slice_bytes: about how much text a shard holds.
        seed: seed for every random draw.
    """

    mode: str = "mlm"
    documents: str = "auto"
    sentences: str = "icu"
    max_length: int = 128
    short_probability: float = 0.1
    packed: bool = False
    words: str | None = None
    errors: str = "strict"
    slice_bytes: int = SLICE_BYTES
    seed: int = 0

    def __post_init__(self):
        for name, known in (
            ("mode", MODES),
            ("documents", ("auto", *FORMATS)),
            ("sentences", SPLITTERS),
            ("words", (None, *SEGMENTERS)),
            ("errors", ENCODING_ERRORS),
        ):
            if getattr(self, name) not in known:
                names = ", ".join(str(key) for key in known)
                raise ConfigError(f"{name} is {getattr(self, name)!r}: use one of {names}")
        if self.max_length < 8:
            raise ConfigError(f"max_length is {self.max_length}: use 8 or more")
        if not 0 <= self.short_probability <= 1:
            raise ConfigError(f"short_probability is {self.short_probability}: use a share from 0 to 1")
        if self.slice_bytes < 1:
            raise ConfigError(f"slice_bytes is {self.slice_bytes}: use 1 or more")

    @property
    def pairs(self) -> bool:
        return self.mode != "mlm"


def prepare_slice(folder: Path, number: int, spans: Sequence[Span], settings: Settings) -> list[Shard]:
    """Writes the shards of one slice into `folder/shards`, leaving out those that are there already.

    A slice is one shard, unless it is a compressed file that holds more text than `slice_bytes`.

    Args:
        folder: with the tokenizer in `folder/tokenizer`. number: of the slice; with the seed, the key of its draws.
        spans: from `kerasbert.corpus.documents.plan_slices`.

    Returns:
        What the shards hold.
    """
    shards = finished_slice(folder, number)
    if shards is not None:
        return shards
    shards, started = [], time.process_time()  # reading counts as well
    for part, documents in enumerate(_parts(read_documents(spans, settings.documents, settings.errors), settings)):
        facts = folder / "shards" / f"{number:05d}-{part:04d}.json"
        if not facts.exists():  # it is written after the shard, which is whole then
            shard = _write_shard(folder, facts.stem, documents, settings, key_of(settings.seed, number, part), started)
            write_text(facts, json.dumps(asdict(shard)) + "\n")
        shards.append(Shard(**json.loads(facts.read_text(encoding="utf-8"))))
        started = time.process_time()
    write_text(_facts_of_slice(folder, number), json.dumps([asdict(shard) for shard in shards]) + "\n")
    return shards


def finished_slice(folder: Path, number: int) -> list[Shard] | None:
    """What `prepare_slice` returned, or None if it has not come to its end yet."""
    try:
        facts = json.loads(_facts_of_slice(folder, number).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return [Shard(**shard) for shard in facts]


def _facts_of_slice(folder: Path, number: int) -> Path:
    return folder / "shards" / f"{number:05d}.json"


def _parts(documents: Iterator[Document], settings: Settings) -> Iterator[list[Document]]:
    """Runs of two or more documents, for each needs a random partner, of about `slice_bytes`."""
    part, size = [], 0
    for document in documents:
        if size > settings.slice_bytes * 1.5 and len(part) > 1:
            yield part
            part, size = [], 0
        part.append(document)
        size += document.size
    if part:
        yield part


def _write_shard(
    folder: Path, name: str, documents: Sequence[Document], settings: Settings, key: int, started: float
) -> Shard:
    """`name`.tfrecord, and `name`.npy: where each row begins and ends in it, and its tokens.

    Args:
        started: the process's CPU time when the reading of `documents` began.
    """
    tokenizer = _tokenizer(folder / "tokenizer", settings.words)
    split = SPLITTERS[settings.sentences]
    texts = [document.text for document in documents]
    tokens, word_starts = tokenizer(split(texts, wrapped=FORMATS[settings.documents].wrapped))
    options = {"swap": settings.mode == "mlm-sop"} if settings.pairs else {}
    instances = MODES[settings.mode](
        tokens, max_length=settings.max_length, short_probability=settings.short_probability, key=key, **options
    )
    columns = join(
        tokens,
        list(instances),
        pairs=settings.pairs,
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
        word_starts=word_starts,
        pack_to=settings.max_length if settings.packed else None,
    )
    ids, splits = columns["input_ids"]
    lengths, rows = columns["lengths"]
    sizes = np.diff(splits)
    path = folder / "shards" / f"{name}.tfrecord"
    with new_file(path) as building:
        places = write_records(building, encode(columns))
    with new_file(path.with_suffix(".npy")) as building, open(building, "wb") as stream:
        np.save(stream, np.column_stack([places, sizes]))
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Shard(
        file=path.name,
        rows=len(sizes),
        instances=len(lengths),
        documents=len(tokens),
        tokens=len(ids),
        random=int(columns["nsp_label"][0].sum()) if settings.pairs else 0,
        most=int(np.diff(rows).max(initial=0)),
        largest_id=int(ids.max(initial=0)),
        lengths=np.bincount((sizes - 1) * CLASSES // settings.max_length, minlength=CLASSES).tolist(),
        bytes=sum(document.size for document in documents),
        sha256=digest,
        seconds=round(time.process_time() - started, 3),
    )


def _tokenizer(folder: Path, words: str | None) -> DocumentTokenizer:
    """One for all slices of a process; another if the folder was written anew meanwhile."""
    return _read_tokenizer(folder, words, (folder / "tokenizer.json").stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read_tokenizer(folder: Path, words: str | None, written: int) -> DocumentTokenizer:
    return DocumentTokenizer(folder, words)
