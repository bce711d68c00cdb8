"""The host tokenizers give what transformers gave: see record_transformers.py."""

import hashlib
import json
from pathlib import Path

import pytest

from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer
from kerasbert.tokenizers.wordpiece import read_vocab

FIXTURES = Path(__file__).parent / "fixtures"
CASES = [
    *(("small", options) for options in range(5)),
    ("minilm", 5),
    ("bert-base-chinese", 6),
    ("bert-base-multilingual-cased", 7),
    ("roberta", None),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request, recorded, vocabulary_file):
    """A tokenizer and what was recorded of it."""
    name, index = request.param
    if name == "roberta":
        return BytePairTokenizer.read(FIXTURES / "roberta"), recorded["bytepair"]
    expected = recorded["wordpiece"][index]
    assert expected["vocabulary"] == name
    return WordPieceTokenizer(read_vocab(vocabulary_file(name)), **expected["options"]), expected


@pytest.fixture(scope="module")
def texts(recorded):
    return list(recorded["texts"].values())


def ids(encodings):
    return [encoding.ids for encoding in encodings]


def test_every_recorded_case_is_tested(recorded):
    assert len(recorded["wordpiece"]) == len(CASES) - 1


def test_texts_in_many_scripts(case, texts):
    tokenizer, expected = case
    assert ids(tokenizer.encode(texts)) == expected["ids"]


def test_arrays_hold_the_same_ids_padded(case, texts):
    tokenizer, expected = case
    batch = tokenizer(texts)
    lengths = [len(row) for row in expected["ids"]]
    assert batch["input_ids"].shape == (len(texts), max(lengths))
    assert batch["attention_mask"].sum(axis=1).tolist() == lengths
    for row, length, wanted in zip(batch["input_ids"], lengths, expected["ids"], strict=True):
        assert row[:length].tolist() == wanted
        assert (row[length:] == tokenizer.pad_id).all()


@pytest.mark.parametrize("case", [case for case in CASES if case[0] in ("small", "roberta")], indirect=True)
def test_offsets_point_into_the_text(case, texts):
    tokenizer, expected = case
    offsets = [[list(pair) for pair in encoding.offsets] for encoding in tokenizer.encode(texts)]
    assert offsets == expected["offsets"]


def test_pairs_and_their_types(case, texts):
    tokenizer, expected = case
    encodings = tokenizer.encode(texts, texts[1:] + texts[:1])
    assert ids(encodings) == expected["pairs"]
    if "pair types" in expected:
        assert [encoding.type_ids for encoding in encodings] == expected["pair types"]


def test_truncation(case, texts):
    tokenizer, expected = case
    assert ids(tokenizer.encode(texts, max_length=9)) == expected["short"]
    for length, wanted in expected["short pairs"].items():
        assert ids(tokenizer.encode(texts, texts[1:] + texts[:1], max_length=int(length))) == wanted


def test_ten_thousand_generated_strings(case, generated):
    tokenizer, expected = case
    given = ids(tokenizer.encode(generated))
    for start, wanted in zip(range(0, len(given), 100), expected["generated"], strict=True):
        digest = hashlib.sha256(json.dumps(given[start : start + 100]).encode()).hexdigest()[:8]
        assert digest == wanted, f"strings {start} to {start + 99}"
