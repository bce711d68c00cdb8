"""Tokens are added as transformers adds them; a pruned vocabulary splits the texts of its corpus as before."""

import json
import random
from pathlib import Path

import pytest
from checkpoints.tokenizer_folders import ADDED, ADDED_TEXTS, MAKERS, PLAIN

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import WordPieceTokenizer, load
from kerasbert.tokenizers.resizing import pruned, with_tokens
from kerasbert.tokenizers.training import train_bytepair
from kerasbert.tokenizers.wordpiece import SPECIAL

RECORDED = json.loads((Path(__file__).parents[1] / "checkpoints" / "tokenizer_folders.json").read_text("utf-8"))
PIECES = [*SPECIAL, "ab", "a", "b", "c", "##a", "##b", "##c", "##bx", "the", "film", "##s", "é", "film!", "[unused1]"]


def tokens(tokenizer, texts) -> list[list[str]]:
    return [[tokenizer.vocabulary[index] for index in row] for row in tokenizer.piece_ids(texts)]


# Adding


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("kind", MAKERS)
def test_added_tokens_are_read_as_transformers_reads_them(tmp_path, kind, name):
    MAKERS[kind][0](tmp_path / "folder", {"tokenizer_config.json": PLAIN} if kind == "wordpiece" else {})
    new, special = ADDED[name]
    larger = with_tokens(load(tmp_path / "folder"), new, special=special)
    larger.save(tmp_path / "saved")
    for tokenizer in (larger, load(tmp_path / "saved")):
        assert [row.ids for row in tokenizer.encode(ADDED_TEXTS)] == RECORDED[f"{kind} with tokens"][name]
        assert tokenizer.vocabulary[-len(new) :] == new
        assert {*new} <= tokenizer.special_tokens if special else not {*new} & tokenizer.special_tokens


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ([], "no tokens to add"),
        ("film", r"tokens is 'film' \(str\), not a list"),
        (["good", 3], r"tokens\[1\] is 3 \(int\), not a string"),
        (["good", ""], "token 2, '', is empty"),
        ([" "], "token 1, ' ', is empty"),
        (["\u0301"], "is empty"),
        (["good "], "token 1, 'good ', begins or ends with white space; remove it"),
        (["[MASK]"], r"token 1, '\[MASK\]', is in the vocabulary already, as '\[MASK\]'"),
        (["THE"], "token 1, 'THE', is in the vocabulary already, as 'the'"),
        (["good", "Good"], "token 2, 'Good', is token 1 again"),
        (["go", "\u0301go"], "token 2, '\u0301go', is token 1 again"),
        (["a\ud800"], "is in the vocabulary already, as 'a'"),
    ],
)
def test_what_cannot_be_added_is_named(new, said):
    with pytest.raises(TokenizerError, match=said):
        with_tokens(WordPieceTokenizer(PIECES), new)


def test_a_token_that_another_one_hides_is_refused():
    with pytest.raises(TokenizerError, match=r"token 1, '\[E1\]z', would be read as '\[E1\] \[UNK\]'; leave it out"):
        with_tokens(with_tokens(WordPieceTokenizer(PIECES), ["[E1]"], special=True), ["[E1]z"])


def test_a_word_that_roberta_knows_behind_a_space_is_there_already(bytepair):
    known = set(bytepair[0].vocabulary)
    word = next(token[1:] for token in known if token[0] == "\u0120" and len(token) > 2 and token[1:] not in known)
    with pytest.raises(TokenizerError, match=f"token 1, '{word}', is in the vocabulary already, as '\u0120{word}'"):
        with_tokens(bytepair[0], [word])


# Pruning


def test_the_corpus_is_split_as_before_and_other_words_in_shorter_pieces():
    tokenizer = WordPieceTokenizer(PIECES)
    corpus = ["the films", "c the cbx", "café"]
    smaller, usage = pruned(tokenizer, corpus)
    assert tokens(smaller, corpus) == tokens(tokenizer, corpus)
    assert smaller.vocabulary == [x for x in tokenizer.vocabulary if x not in ("ab", "film!", "[unused1]")]
    assert tokens(smaller, ["ab"]) == [["a", "##b"]]
    assert (usage.texts, usage.tokens, usage.unknown) == (3, 8, 1)
    assert usage.kept == {
        "special or added": 5,
        "used by the corpus": 5,
        "asked for": 0,
        "single characters": 6,
        "for words that stay [UNK]": 0,
    }


def test_a_word_that_was_unknown_stays_so():
    """Without "ab", the word would be "a" and "##bx"."""
    tokenizer = WordPieceTokenizer(PIECES)
    corpus = ["abx cbx"]
    assert tokens(tokenizer, corpus) == [["[UNK]", "c", "##bx"]]
    smaller, usage = pruned(tokenizer, corpus)
    assert tokens(smaller, corpus) == tokens(tokenizer, corpus)
    assert usage.kept["for words that stay [UNK]"] == 1


def test_no_random_vocabulary_splits_its_corpus_in_another_way():
    draw = random.Random(0)
    changed = 0
    for _ in range(150):
        words = ["".join(draw.choices("abc", k=draw.randint(1, 4))) for _ in range(40)]
        begins = draw.sample(sorted(set(words)), 12)
        inner = [f"##{word}" for word in draw.sample(sorted(set(words)), 12)]
        tokenizer = WordPieceTokenizer([*SPECIAL, *begins, *inner])
        corpus = [" ".join(draw.choices(words, k=4)) for _ in range(3)]
        smaller, _ = pruned(tokenizer, corpus)
        assert tokens(smaller, corpus) == tokens(tokenizer, corpus)
        changed += smaller.vocab_size < tokenizer.vocab_size
    assert changed > 100


@pytest.fixture(scope="module")
def bytepair():
    draw = random.Random(1)
    texts = [" ".join("".join(draw.choices("aeinrst", k=draw.randint(1, 9))) for _ in range(30)) for _ in range(60)]
    return train_bytepair(texts, 700), texts


def test_merges_stay_that_the_corpus_needs_and_no_others(bytepair):
    tokenizer, texts = bytepair
    corpus, others = texts[:3], [*texts[3:], "Ünseen 🙂\nwords"]
    smaller, usage = pruned(tokenizer, corpus)
    assert tokens(smaller, corpus) == tokens(tokenizer, corpus)
    assert smaller.vocab_size < tokenizer.vocab_size
    assert usage.kept["parts of longer tokens"] > 0
    assert [smaller.decode(row) for row in smaller.piece_ids(others)] == others
    assert not any("<unk>" in row for row in tokens(smaller, others))
    assert max(map(len, tokens(smaller, others))) > max(map(len, tokens(tokenizer, others)))


def test_a_pruned_byte_pair_vocabulary_is_saved_and_read(bytepair, tmp_path):
    smaller, _ = pruned(with_tokens(bytepair[0], ["[E1]"], special=True), bytepair[1][:2])
    smaller.save(tmp_path)
    again, texts = load(tmp_path), ["some [E1] <mask> " + bytepair[1][0]]
    (tmp_path / "tokenizer.json").unlink()
    assert again.vocabulary == smaller.vocabulary
    assert again.piece_ids(texts) == smaller.piece_ids(texts)
    assert {"[E1]", "<mask>"} < set(tokens(again, texts)[0])


def test_special_tokens_in_a_text_are_no_words():
    tokenizer = with_tokens(WordPieceTokenizer(PIECES), ["[E1]", "[E2]"], special=True)
    smaller, _ = pruned(tokenizer, ["[E1] the [MASK]"])
    assert smaller.vocabulary[-2:] == ["[E1]", "[E2]"]
    assert "film" not in smaller.vocabulary
    assert tokens(smaller, ["[E2] c"]) == [["[E2]", "c"]]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "the corpus holds no text"),
        (["", " \n"], "the corpus holds no text"),
        (iter(["the"]), "an iterator gives them once; use a list"),
        (["the"] * 3 + ["a" * 2_000_000, None], r"texts\[4\] is None"),
    ],
)
def test_a_corpus_that_cannot_be_used_is_refused(texts, said):
    with pytest.raises(TokenizerError, match=said):
        pruned(WordPieceTokenizer(PIECES), texts)
