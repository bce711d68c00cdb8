"""Corpora for tests, and what prepared data hold."""

import gzip
import random
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasbert.corpus.index import Index
from kerasbert.tf.records import decode

VOCABULARY = Path(__file__).parents[1] / "tokenizers" / "fixtures"
SMALL = {"max_length": 32, "slice_bytes": 1500, "documents": "blank-lines"}
WORDS = ["the", "and", "ban", "bir", "die", "end", "gro", "mon", "nam", "pho", "rat", "res", "vie", "été", "中文"]


def generated_documents(count: int, seed: int = 0, sentences: int = 9) -> list[list[str]]:
    """Documents of sentences; about one in nine is a single sentence."""
    draw = random.Random(seed)

    def sentence() -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(3, 9))) + "!"

    return [[sentence() for _ in range(draw.randint(1, sentences))] for _ in range(count)]


def write_corpus(folder: Path, documents) -> Path:
    """Three files, one of them compressed, of documents between blank lines."""
    folder.mkdir(parents=True)
    texts = ["\n".join(sentences) for sentences in documents]
    third = len(texts) // 3
    (folder / "a.txt").write_text("\n\n".join(texts[:third]), encoding="utf-8")
    (folder / "b.txt").write_text("\n\n".join(texts[third : 2 * third]), encoding="utf-8")
    (folder / "c.txt.gz").write_bytes(gzip.compress("\n\n".join(texts[2 * third :]).encode()))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def instances_of(folder: Path) -> list[dict]:
    """Every instance in the order of the shards: `ids` with special tokens, and `first` and `label` of pairs."""
    found = []
    for shard in Index.read(folder).shards:
        path = folder / "shards" / shard.file
        examples = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
        columns = decode(examples)
        for row in range(len(examples)):
            values = {name: all_[splits[row] : splits[row + 1]] for name, (all_, splits) in columns.items()}
            for number, ids in enumerate(np.split(values["input_ids"], np.cumsum(values["lengths"])[:-1])):
                instance = {"ids": ids.tolist()}
                if "nsp_label" in values:
                    instance |= {"first": values["first_lengths"][number], "label": values["nsp_label"][number]}
                found.append(instance)
    return found
