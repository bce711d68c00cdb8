"""Tokens of many documents at once against the host tokenizer, sentence by sentence."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kerasbert import tokenizers
from kerasbert.corpus import document_tokenizer
from kerasbert.corpus.document_tokenizer import DocumentTokenizer

FIXTURES = Path(__file__).parents[1] / "tokenizers" / "fixtures"
FOLDERS = {"wordpiece": FIXTURES, "bytepair": FIXTURES / "roberta"}


def generated(seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    pieces = ["the", "Film", "good", "été", "中文", "😀", " ", "\u200b", "\0", "unbelievably", ",", "[MASK]", "\ufffd"]
    sentences = lambda: ["".join(draw.choices(pieces, k=draw.randrange(9))) for _ in range(draw.randrange(6))]  # noqa: E731
    return [sentences() for _ in range(40)]


def split(tokens):
    """Lists of lists of ids: documents of sentences."""
    sentences = [ids.tolist() for ids in np.split(tokens.ids, tokens.sentences[1:-1])] if len(tokens) else []
    bounds = tokens.documents.tolist()
    return [sentences[begin:end] for begin, end in pairwise(bounds)]


@pytest.mark.parametrize("kind", FOLDERS)
def test_ids_are_the_host_tokenizers(kind, monkeypatch):
    monkeypatch.setattr(document_tokenizer, "_BATCH", 7)
    host, tokenizer = tokenizers.load(FOLDERS[kind]), DocumentTokenizer(FOLDERS[kind], None)
    before = " " if kind == "bytepair" else ""  # a word in the middle of a text has its space
    for seed in range(3):
        documents = generated(seed)
        expected = [[ids for ids in host.piece_ids([before + s for s in sentences]) if ids] for sentences in documents]
        tokens, word_starts = tokenizer(documents)
        assert split(tokens) == [sentences for sentences in expected if sentences]
        assert tokens.ids.dtype == np.int32
        assert word_starts is None


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_segmenters_words_are_marked(kind):
    host, tokenizer = tokenizers.load(FOLDERS[kind]), DocumentTokenizer(FOLDERS[kind], "spaces")
    documents = [["中文 电影 good", "\u200b 很好"], [], ["unbelievably film"]]
    tokens, word_starts = tokenizer(documents)
    before = " " if kind == "bytepair" else ""
    words = host.piece_ids([before + word for sentences in documents for s in sentences for word in s.split()])
    assert tokens.ids.tolist() == [i for word in words for i in word]
    assert word_starts.tolist() == [int(n == 0) for word in words for n in range(len(word))]


@pytest.mark.parametrize("documents", [[], [[]], [["\u200b"], [" "]]])
def test_nothing_has_no_tokens(documents):
    tokens, _ = DocumentTokenizer(FIXTURES, None)(documents)
    assert (len(tokens), tokens.ids.tolist(), tokens.sentences.tolist()) == (0, [], [0])
