"""Words and characters, our rules for batches, and errors. `tests/peers` has the published vectors."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "want", "##want", "##ed", "wa", "un", "runn", "##ing", ","]


def tokens(tokenizer, text, pair=None):
    return tokenizer.encode([text], None if pair is None else [pair])[0].tokens


def words(text, **options):
    """What the text is split into: the pieces of a vocabulary that has every word whole."""
    split = ["hello", "how", "Héllo", "héllo", "A"]
    tokenizer = WordPieceTokenizer([*SPECIAL, *split], **options)
    return tokens(tokenizer, text)[1:-1]


def test_accents_stay_where_they_are_not_stripped():
    assert words("H\u00e9llo", do_lower_case=False) == ["Héllo"]
    assert words("H\u00e9llo", strip_accents=False) == ["héllo"]


def test_published_control_characters_are_dropped():
    assert words("A\u0005", do_lower_case=False) == ["A"]


@pytest.mark.parametrize("character", [" ", "\t", "\r", "\n", "\u00a0"])
def test_published_white_space_parts_words(character):
    assert words(f"hello{character}how") == ["hello", "how"]


@pytest.mark.parametrize("character", ["-", "$", "`", "."])
def test_published_punctuation_is_a_word(character):
    assert words(f"hello{character}how") == ["hello", "[UNK]", "how"]


def test_a_word_of_more_than_100_characters_is_unknown():
    tokenizer = WordPieceTokenizer([*SPECIAL, "a", "##a"])
    assert len(tokens(tokenizer, "a" * 100)) == 102
    assert tokens(tokenizer, "a" * 101) == ["[CLS]", "[UNK]", "[SEP]"]


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(PIECES)


def test_a_string_is_a_batch_of_one(tokenizer):
    np.testing.assert_array_equal(tokenizer("running")["input_ids"], tokenizer(["running"])["input_ids"])


def test_pairs_in_either_form(tokenizer):
    rows = [("want", "running"), ("un", "")]
    first, second = tokenizer(rows), tokenizer(["want", "un"], ["running", ""])
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
    assert first["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0]]
    assert first["attention_mask"].tolist() == [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]


def test_an_empty_batch_has_the_same_arrays(tokenizer):
    for max_length in (None, 8):
        batch = tokenizer([], max_length=max_length)
        assert {name: (array.shape, array.dtype) for name, array in batch.items()} == dict.fromkeys(
            ("input_ids", "token_type_ids", "attention_mask"), ((0, 0), np.dtype("int32"))
        )


def test_cutting_keeps_what_pairs_and_offsets_say(tokenizer):
    """A cut row is the beginning of the whole one, each text told apart."""
    whole = tokenizer.encode(["want un want"], ["running running"])[0]
    uncut = tokenizer.encode(["want un want"], ["running running"], max_length=100)[0]
    for name in ("ids", "type_ids", "offsets", "sequence_ids", "special_tokens_mask", "word_ids", "attention_mask"):
        assert getattr(uncut, name) == getattr(whole, name), name
    cut = tokenizer.encode(["want un want"], ["running running"], max_length=7)[0]
    assert cut.tokens == ["[CLS]", "want", "un", "[SEP]", "runn", "##ing", "[SEP]"]
    assert cut.sequence_ids == [None, 0, 0, None, 1, 1, None]
    assert cut.offsets == [(0, 0), (0, 4), (5, 7), (0, 0), (0, 4), (4, 7), (0, 0)]


def test_the_callers_list_is_left_alone(tokenizer):
    texts = ["un\ud800want", "want"]
    assert tokens(tokenizer, texts[0])[1:-1] == ["un", "##want"]
    tokenizer(texts, texts)
    assert texts == ["un\ud800want", "want"]


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (None, None, "texts is None"),
        (["a", None], None, r"texts\[1\] is None \(NoneType\), not a string"),
        (["a", 1.5], None, r"texts\[1\] is 1.5 \(float\), not a string"),
        (b"ab", None, "not a string"),
        ([("a", "b"), "c"], None, r"texts\[0\] is \('a', 'b'\) \(tuple\), not a string"),
        (["a", "b"], ["c"], "2 texts but 1 pairs"),
        (["a"], [None], r"pairs\[0\] is None"),
    ],
)
def test_what_is_not_text_is_named(tokenizer, texts, pairs, message):
    with pytest.raises(TokenizerError, match=message):
        tokenizer(texts, pairs)


def test_too_small_a_length(tokenizer):
    with pytest.raises(TokenizerError, match="max_length=1 is too small: the special tokens of a text alone are 2"):
        tokenizer(["a"], max_length=1)
    with pytest.raises(TokenizerError, match="max_length=-1 is too small: the special tokens of a pair alone are 3"):
        tokenizer(["a"], ["b"], max_length=-1)
    cls, sep = tokenizer.id_of("cls"), tokenizer.id_of("sep")  # room for these alone is enough
    assert tokenizer(["a"], max_length=2)["input_ids"].tolist() == [[cls, sep]]
    assert tokenizer(["a"], ["b"], max_length=3)["input_ids"].tolist() == [[cls, sep, sep]]


def test_threads_share_a_tokenizer_with_different_lengths(generated):
    tokenizer = WordPieceTokenizer(
        [*SPECIAL, *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    )
    jobs = [(generated[start : start + 50], length) for start in range(0, 1000, 50) for length in (None, 8, 16, 33)]
    alone = [tokenizer(texts, max_length=length)["input_ids"] for texts, length in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: tokenizer(job[0], max_length=job[1])["input_ids"], jobs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_pickled_tokenizer_gives_the_same_ids(tokenizer):
    tokenizer(["want"], max_length=5)
    copy = pickle.loads(pickle.dumps(tokenizer))
    for max_length in (None, 5, 6):
        np.testing.assert_array_equal(
            copy(["unwanted running"], max_length=max_length)["input_ids"],
            tokenizer(["unwanted running"], max_length=max_length)["input_ids"],
        )


def test_decode_joins_the_pieces(tokenizer):
    ids = tokenizer(["unwanted, running"])["input_ids"][0]
    assert tokenizer.decode(ids) == "unwanted, running"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "[CLS] unwanted, running [SEP]"
