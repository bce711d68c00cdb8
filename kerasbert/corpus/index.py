"""Facts of prepared data. index.json sums the facts of all shards; it is written when the last one is finished."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kerasbert.errors import DataError
from kerasbert.reading import parse, read_text

INDEX = "index.json"
PLAN = "plan.json"
"""Holds the settings of data that is not whole yet."""
VERSION = 2
CLASSES = 32
"""Bars of the histogram of lengths."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Facts of one shard, kept beside it and summed in the index.

    Attributes:
        file: its name. rows, instances, documents, tokens (special ones included), random (pairs of label 1): counts.
        most: the largest number of instances in a row. largest_id: the largest token id in it.
        lengths: rows by tokens, `CLASSES` of equal width up to max_length.
        bytes: size of the text that was read. sha256: of the file. seconds: CPU time, which may differ between equal
            shards.
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
    sha256: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Index:
    """The content of index.json.

    Attributes:
        settings: as they were given. vocabulary: SHA-256 of the tokens by id. vocab_size: their number.
        shards: in the order of the corpus. versions: of the packages whose change could change bytes.
    """

    settings: dict
    vocabulary: str
    vocab_size: int
    shards: list
    versions: dict
    version: int = VERSION

    def total(self, name: str) -> int:
        """A count of `Shard`, summed."""
        return sum(getattr(shard, name) for shard in self.shards)

    @property
    def sha256(self) -> str:
        """A hash of all rows, in their order."""
        return sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()

    @classmethod
    def read(cls, folder: str | Path) -> "Index":
        """Raises DataError: no prepared data, not finished, or of a later version."""
        path = Path(folder) / INDEX
        if not path.exists():
            begun = (Path(folder) / PLAN).exists()
            mend = (
                "the same `kerasbert prepare` goes on where it stopped" if begun else "make it with `kerasbert prepare`"
            )
            raise DataError(f"{folder}: no {INDEX}, so no whole prepared data; {mend}")
        try:
            values = parse(read_text(path, DataError))
            if values["version"] > VERSION:
                raise DataError(f"{path}: written by a later kerasbert (version {values['version']}); update this one")
            return cls(shards=[Shard(**{**shard, "seconds": 0.0}) for shard in values.pop("shards")], **values)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not readable as the index of prepared data ({error}); prepare again") from None


def vocabulary_hash(tokenizer) -> str:
    """SHA-256 of a tokenizer's tokens, in the order of their ids, and of its options."""
    content = json.dumps([tokenizer.vocabulary, tokenizer.options()], ensure_ascii=False, sort_keys=True)
    return sha256(content.encode()).hexdigest()
