"""Vocabularies that are learned, on text whose best pieces are known."""

import pytest

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import load
from kerasbert.tokenizers.training import TRAINERS, train_bytepair, train_wordpiece

TEXTS = [
    "The lowest of the low slowed, lower and lower. Café à la crème!",
    "low lower lowest new newer newest 电影",
    "Any number of other words follow here, among them several that begin or end like the others.",
] * 50


@pytest.mark.parametrize("kind", TRAINERS)
def test_a_vocabulary_has_its_size_and_reads_what_it_saw(kind, tmp_path):
    size = 90 if kind == "wordpiece" else 300
    tokenizer = TRAINERS[kind](TEXTS, size)
    assert tokenizer.vocab_size == size
    tokenizer.save(tmp_path)
    again = load(tmp_path)
    assert again.vocabulary == tokenizer.vocabulary
    ids = again(TEXTS)["input_ids"]
    assert ids.tolist() == tokenizer(TEXTS)["input_ids"].tolist()
    assert again.id_of("unk") not in ids


def test_frequent_words_become_pieces():
    vocabulary = train_wordpiece(TEXTS, 130).vocabulary
    assert {"low", "lower", "电", "影"} <= set(vocabulary)
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_training_is_a_function_of_the_text():
    for train, size in ((train_wordpiece, 100), (train_bytepair, 300)):
        assert train(TEXTS, size).vocabulary == train(TEXTS, size).vocabulary


def test_a_cased_vocabulary_keeps_capitals_and_accents():
    cased, uncased = (set(train_wordpiece(TEXTS, 90, do_lower_case=lower).vocabulary) for lower in (False, True))
    assert {"T", "##é"} & cased == {"T", "##é"}
    assert not {"T", "##é"} & uncased


def test_rare_characters_are_left_out():
    tokenizer = train_wordpiece(TEXTS, 90, alphabet=20)
    kept = {piece for piece in tokenizer.vocabulary if len(piece) == 1}
    assert len(kept) == 20
    assert "e" in kept
    assert not {"电", "影"} & kept


def test_bytes_are_never_unknown():
    tokenizer = train_bytepair(TEXTS, 300)
    text = "日本語 🎉 \x01 never seen"
    assert tokenizer.decode(tokenizer.piece_ids([text])[0]) == text


@pytest.mark.parametrize(
    ("train", "texts", "size", "message"),
    [
        (train_wordpiece, TEXTS, 40, "are taken by special tokens and characters"),
        (train_bytepair, TEXTS, 256, "261 are taken by special tokens and characters"),
        (train_wordpiece, [], 100, "no text to learn"),
    ],
)
def test_sizes_and_texts_that_cannot_be_are_named(train, texts, size, message):
    with pytest.raises(TokenizerError, match=message):
        train(texts, size)
