"""Reads the published vectors of this folder, each group of them with the tokenizer that they were published for."""

import json
from dataclasses import dataclass
from pathlib import Path

from kerasbert.files import write_text
from kerasbert.tokenizers import BytePairTokenizer, HostTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.bytepair import REQUIRED as BYTEPAIR_REQUIRED
from kerasbert.tokenizers.wordpiece import REQUIRED

FOLDER = Path(__file__).parent
PUBLISHERS = ("transformers_js", "tensorflow_text", "google_bert", "keras_hub")


def read(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


GROUPS = {
    f"{publisher}: {each['name']}": {"vocabularies": content.get("vocabularies", {}), **each}
    for publisher, content in ((publisher, read(publisher)) for publisher in PUBLISHERS)
    for each in content["groups"]
}
"""Name of a group -> the group as its file has it, with the vocabularies of the file."""


@dataclass(frozen=True)
class Group:
    """Vectors of one tokenizer.

    Attributes:
        tokenizer: made from the published pieces. Its own ids follow the order of these pieces.
        vectors: `text` and, as published, `pair`, `tokens`, `ids`, `row` (ids with special tokens) and `bytes` (where
            each token begins and ends in the UTF-8 of the text).
        ids: piece -> its published id.
    """

    tokenizer: HostTokenizer
    vectors: list[dict]
    ids: dict[str, int]

    def rows(self) -> list[list[int]]:
        """Per vector the published ids of a whole row, with special tokens."""
        return [vector["row"] if "row" in vector else self._row(vector) for vector in self.vectors]

    def _row(self, vector: dict) -> list[int]:
        cls, sep = (self.ids[self.tokenizer.special[role]] for role in ("cls", "sep"))
        return [cls, *(vector["ids"] if "ids" in vector else self.ids_of(vector["tokens"])), sep]

    def ids_of(self, tokens: list[str]) -> list[int]:
        """The published ids of tokens."""
        return [self.ids[token] for token in tokens]

    def published(self, row) -> list[int]:
        """The published ids of a row of the tokenizer's own ids."""
        return self.ids_of([self.tokenizer.vocabulary[place] for place in row])


def group(name: str, folder: Path) -> Group:
    """A group by its name in `GROUPS`. The files of a byte-pair tokenizer are written into the folder."""
    found = GROUPS[name]
    ids = _ids(found)
    if "merges" in found:
        write_text(folder / "vocab.json", json.dumps(ids))
        write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *found["merges"], ""]))
        return Group(BytePairTokenizer.read(folder), found["vectors"], ids)
    return Group(WordPieceTokenizer(list(ids), **found["options"]), found["vectors"], ids)


def _ids(found: dict) -> dict[str, int]:
    """Piece -> published id. Pieces that only our tokenizers need come last."""
    recorded = read("vocabularies")
    if found["vocabulary"] in recorded:
        return recorded[found["vocabulary"]]
    if found["vocabulary"] is None:  # words, not pieces, are published: the vocabulary has every word whole
        pieces = [token for vector in found["vectors"] for token in vector["tokens"]]
    else:
        pieces = found["vocabularies"][found["vocabulary"]]
    if "merges" in found:
        parts = [part for merge in found["merges"] for part in (*merge.split(), merge.replace(" ", ""))]
        needed = [*parts, *BYTEPAIR_REQUIRED]
    else:
        needed = ["[UNK]", *REQUIRED]  # tensorflow-text gives the unknown word the number after the last piece
    return {piece: place for place, piece in enumerate(dict.fromkeys([*pieces, *needed]))}
