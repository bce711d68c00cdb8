"""The graph gives the host tokenizer's ids, for every text and in every place where graphs run."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.errors import TokenizerError
from kerasbert.tf.wordpiece import InGraphWordPiece
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.tokenizers.character_table import read_characters, sorted_marks
from kerasbert.tokenizers.wordpiece import read_vocab

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdexyz",
    "##b",
    "##c",
    "ab",
    "##xyz",
    "北",
    "京",
    "[",
    "]",
    "mask",
]
OPTIONS = {
    "uncased": {"do_lower_case": True},
    "cased": {"do_lower_case": False},
    "cased-strip": {"do_lower_case": False, "strip_accents": True},
    "lower-keep": {"do_lower_case": True, "strip_accents": False},
    "chinese-words": {"do_lower_case": True, "tokenize_chinese_chars": False},
}


def encoded(texts):
    """Strings, or bytes that may not be UTF-8, as the graph takes them."""
    return tf.constant([text.encode() if isinstance(text, str) else text for text in texts], tf.string, [len(texts)])


def moved_marks() -> set[str]:
    """Marks that are no accents, so they stay, and that NFD moves over others: the library counts their offsets as if
    they had not moved."""
    table = read_characters(do_lower_case=True, strip_accents=True, tokenize_chinese_chars=True)
    kept = (chr(code) for code in range(0x300, 0x20000) if table.symbols[code] == code)
    return set(itertools.chain(*sorted_marks(kept)))


def with_offsets(graph, texts, pairs=None, **options) -> list[list[tuple[int, int]]]:
    """The offsets of each row's own tokens."""
    given = graph(encoded(texts), None if pairs is None else encoded(pairs), offsets=True, **options)
    assert (given["offsets"].dtype, given["truncated"].dtype) == (tf.int32, tf.bool)
    mask = given["attention_mask"].numpy().astype(bool)
    assert not given["offsets"].numpy()[~mask].any()
    return [list(map(tuple, row[real].tolist())) for row, real in zip(given["offsets"].numpy(), mask, strict=True)]


def assert_same(host, graph, texts, pairs=None, max_length=None):
    decoded = [text if isinstance(text, str) else text.decode("utf-8", "replace") for text in texts]
    expected = host(decoded, pairs, max_length=max_length)
    if decoded == texts:
        rows = host.encode(texts, pairs, max_length=max_length)
        assert with_offsets(graph, texts, pairs, max_length=max_length) == [row.offsets for row in rows]
    given = graph(encoded(texts), None if pairs is None else encoded(pairs), max_length=max_length)
    assert list(given) == list(expected)
    for name, array in expected.items():
        assert given[name].dtype == tf.int32
        np.testing.assert_array_equal(given[name].numpy(), array, err_msg=name)


def assert_same_rows(host, graph, texts):
    """As assert_same, without padding; names the texts that differ."""
    rows = host.encode(texts)
    given = graph.pieces(encoded(texts)).to_list()
    different = [(text, a.ids[1:-1], b) for text, a, b in zip(texts, rows, given, strict=True) if a.ids[1:-1] != b]
    assert not different, f"{len(different)} texts differ, such as {different[:3]}"
    if any(token.get("lstrip") or token.get("rstrip") for token in host.added_tokens):
        return  # whose offsets the graph cannot tell
    offsets = [a.offsets == b for a, b in zip(rows, with_offsets(graph, texts), strict=True)]
    words = graph(encoded(texts), offsets=True)["words"].numpy()
    for row, numbers in zip(rows, words, strict=True):
        assert numbers[0] == numbers[len(row) - 1] == -1
        own, wanted = numbers[1 : len(row) - 1], np.array(row.word_ids[1:-1])  # the library leaves numbers out
        assert np.array_equal(np.diff(own), np.diff(wanted) > 0)
        assert not own.size or own[0] == 0
    moved = moved_marks()
    different = [text for text, same in zip(texts, offsets, strict=True) if not same and not moved & set(text)]
    assert not different, f"the offsets of {len(different)} texts differ, such as {different[:3]}"


@pytest.fixture(scope="module")
def small():
    host = WordPieceTokenizer(PIECES)
    return host, InGraphWordPiece(host)


@pytest.mark.parametrize("options", OPTIONS)
def test_generated_strings(options, generated, vocabulary_file):
    host = WordPieceTokenizer(read_vocab(vocabulary_file("small")), **OPTIONS[options])
    assert_same_rows(host, InGraphWordPiece(host), generated)


@pytest.mark.parametrize(
    ("vocabulary", "options"),
    [
        ("minilm", "uncased"),
        ("bert-base-chinese", "uncased"),
        ("bert-base-multilingual-cased", "cased"),
        ("bert-base-multilingual-cased", "uncased"),
        ("bert-base-multilingual-cased", "cased-strip"),
    ],
)
def test_generated_strings_with_published_vocabularies(vocabulary, options, generated, vocabulary_file):
    host = WordPieceTokenizer(read_vocab(vocabulary_file(vocabulary)), **OPTIONS[options])
    assert_same_rows(host, InGraphWordPiece(host), generated)


@pytest.mark.parametrize("options", OPTIONS)
def test_every_character_between_two_letters(options):
    """Of Unicode's first 213,000 code points and some beyond; the vocabulary has what becomes of those below U+3400."""
    text = "".join(
        chr(i)
        for i in (*range(0x34000), *range(0xDFFF0, 0xE0200), *range(0xEFFF0, 0xF0010))
        if not 0xD800 <= i <= 0xDFFF
    )
    normalizer = WordPieceTokenizer(PIECES, **OPTIONS[options])._backend.normalizer
    pieces = sorted(set(normalizer.normalize_str(text[:0x3400])) - {*"\n ", *PIECES})
    pieces = sorted(set(pieces).difference(*sorted_marks(pieces)[1:]))  # marks of several classes are refused
    host = WordPieceTokenizer([*PIECES, *pieces, *(f"##{piece}" for piece in pieces)], **OPTIONS[options])
    rows = [" ".join(f"a{each}b" for each in text[start : start + 100]) for start in range(0, len(text), 100)]
    assert_same_rows(host, InGraphWordPiece(host), rows)


def test_text_that_is_not_utf8(small):
    rng = np.random.default_rng(5)
    texts = [rng.integers(0, 256, 30, np.uint8).tobytes() for _ in range(500)]
    texts += [
        b"a\xffb",
        b"a\xe5\x8c",
        b"\xe5\x8cab",
        b"\xed\xa0\x80ab",
        b"\xc0\x80a",
        b"\xf4\x90\x80\x80b",
        b"[MA\xffSK]",
    ]
    assert_same(*small, texts)


def test_words_are_unknown_beyond_100_characters_not_bytes(small):
    host, graph = small
    assert graph.pieces(["ab" + "c" * 98]).row_lengths().numpy().tolist() == [99]
    assert_same(host, graph, ["ab" + "c" * 98, "ab" + "c" * 99, "北" * 150, "e\u0301" * 101, "\U00010400" * 101 + " a"])


def test_special_tokens_in_the_text_stand_for_the_tokens(small):
    assert_same(
        *small, ["a[MASK]b", "[mask]", "[MASK", "[[MASK]]", "[CLS][SEP][PAD][UNK]", "[MA\u200bSK]", "[", "[MASK]"]
    )


@pytest.mark.parametrize("max_length", [None, 2, 3, 5, 50])
def test_truncation_of_single_texts(small, max_length):
    assert_same(*small, ["a b c d e", "", "a", "abcxyz abc"], max_length=max_length)


def test_a_row_says_whether_it_was_cut(small):
    _, graph = small
    texts, pairs = ["", "a b", "a b c", "a b c"], ["a", "a", "", "a b"]
    for second, lengths, cut in ((None, [2, 4, 5, 5], 4), (pairs, [4, 6, 6, 8], 6)):
        given = graph(encoded(texts), None if second is None else encoded(second), max_length=cut, offsets=True)
        assert given["truncated"].numpy().tolist() == [length > cut for length in lengths]
    assert not graph(encoded(texts), offsets=True)["truncated"].numpy().any()


def test_offsets_are_computed_where_they_are_wanted_only(small):
    _, graph = small
    text = tf.TensorSpec((None,), tf.string)

    def operations(**options) -> int:
        function = tf.function(lambda texts: graph(texts, max_length=8, **options), input_signature=[text])
        return len(function.get_concrete_function().graph.as_graph_def().node)

    assert operations() < operations(offsets=True) - 20


@pytest.mark.parametrize("max_length", [None, 3, 4, 5, 6, 7, 8, 50])
def test_truncation_of_pairs_cuts_the_longer_first(small, max_length):
    texts = [" ".join("a" * first) for first in range(6) for _ in range(6)]
    pairs = [" ".join("b" * second) for _ in range(6) for second in range(6)]
    assert_same(*small, texts, pairs, max_length)


@pytest.mark.parametrize("max_length", [4, 5, 6, 8, 50])
def test_a_first_text_that_stays_whole_lets_the_second_be_cut(small, max_length):
    host, graph = small
    for first in range(1, max_length - 3):
        texts, pairs = [" ".join("a" * first)] * 4, [" ".join("b" * second) for second in (0, 1, 3, 9)]
        found = graph(encoded(texts), encoded(pairs), max_length=max_length, cut="only_second")
        rows = zip(found["input_ids"].numpy(), found["attention_mask"].numpy(), texts, pairs, strict=True)
        for ids, mask, text, pair in rows:
            wanted = host.windows(text, pair, max_length=max_length, cut="only_second")[0]
            assert ids[mask == 1].tolist() == wanted.ids
    whole = graph(encoded(["a a a a a a a a"]), encoded(["b"]), max_length=6, cut="only_second")
    assert whole["token_type_ids"].numpy().tolist() == [[0, 0, 0, 0, 0, 1]]  # nothing of the second is left


def test_too_small_a_length_is_refused_as_on_the_host(small):
    for tokenizer, texts in zip(small, (["a"], tf.constant(["a"])), strict=True):
        with pytest.raises(TokenizerError, match="max_length=1 is too small: the special tokens of a text alone are 2"):
            tokenizer(texts, max_length=1)
        with pytest.raises(TokenizerError, match="max_length=2 is too small: the special tokens of a pair alone are 3"):
            tokenizer(texts, texts, max_length=2)


@pytest.mark.parametrize("max_length", [None, 8])
def test_an_empty_batch_and_batches_of_nothing(small, max_length):
    host, graph = small
    for name, array in graph(encoded([]), max_length=max_length).items():
        assert array.shape == (0, 0), name
    assert_same(host, graph, [], max_length=max_length)
    assert_same(host, graph, [], [], max_length=max_length)
    assert_same(host, graph, [""], max_length=max_length)
    assert_same(host, graph, ["", " \u200b", "\0"], ["", "", ""], max_length)


def test_added_tokens(generated):
    added = [
        {"content": "<e1>", "special": True},
        {"content": "</e1>", "special": True, "rstrip": True},
        {"content": "E-MAIL", "normalized": True},
        {"content": "covid19", "normalized": False},
        {"content": "covid19x"},
        {"content": "new york", "lstrip": True},
        {"content": "北京x"},
        {"content": "abc", "special": True},
        {"content": "The", "normalized": True},
    ]
    host = WordPieceTokenizer([*PIECES, "##e"], added_tokens=added)
    texts = [
        "<e1>ab</e1>  b <E1>",
        "e-mail E-MAIL é-mail xE-Mailx",
        "covid19 COVID19 covid19x covid19xy acovid19x",
        "a new york b",
        "a  new  york",
        "北京x 北 京x 北京 x a北京xb",
        "abcabc ABC xabcx áBc",
        "theTHEthé [MASK]the",
        "co[MASK]vid19",
        "cov\u200bid19 THE\u0301",
        "<e1",
        "</e1><e1></e1>",
        "new york" * 3,
    ]
    texts += [f"{a}{text}{b}" for text, a, b in zip(generated[:300], texts * 30, texts[3:] * 40, strict=False)]
    graph = InGraphWordPiece(host)
    assert_same_rows(host, graph, texts)
    with pytest.raises(
        TokenizerError, match=r"the added token '</e1>' takes the spaces beside it, so the graph cannot"
    ):
        with_offsets(graph, texts)
    bare = [{**token, "lstrip": False, "rstrip": False} for token in added]
    host = WordPieceTokenizer([*PIECES, "##e"], added_tokens=bare)
    assert_same_rows(host, InGraphWordPiece(host), texts)


def test_added_tokens_that_overlap_are_found_as_on_the_host():
    contents = ["ab", "bc", "abcde", "cab", "b", "aba", "zz", "zzz", "ca"]
    draw = np.random.default_rng(3)
    texts = ["".join(draw.choice(list("abcdez "), 40)) for _ in range(200)] + ["abc", "zzzzz", "ababa", ""]
    for flags in ({"normalized": False}, {"normalized": True}):
        host = WordPieceTokenizer(PIECES, added_tokens=[{"content": content, **flags} for content in contents])
        assert_same_rows(host, InGraphWordPiece(host), texts)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ([{"content": "word", "single_word": True}], "'word' is matched as a single word only"),
        ([{"content": " ab", "normalized": True}], "' ab' begins or ends with white space"),
        ([{"content": "\u0301", "normalized": True}], "is empty once normalized"),
        ([{"content": "a\0b", "normalized": False}], "holds a NUL"),
    ],
)
def test_added_tokens_that_the_graph_cannot_follow_are_refused(tokens, reason):
    with pytest.raises(TokenizerError, match=reason):
        InGraphWordPiece(WordPieceTokenizer(PIECES, added_tokens=tokens))


def test_marks_that_normalization_would_sort(generated):
    """U+302E and U+1D165 have the classes 224 and 216: one of them alone in a vocabulary is no matter, both are."""
    one = WordPieceTokenizer([*PIECES, "##\u302e", "##\u09be"])
    texts = ["a\u302e\U0001d165", "a\U0001d165\u302e", "a\u302e\u302e", "a\u09be\u302eb", "a\u0301\u302e\u0323b"]
    assert_same_rows(one, InGraphWordPiece(one), texts + generated[:1000])
    both = [*PIECES, "##\u302e", "##\U0001d165"]
    with pytest.raises(TokenizerError, match=r"combining marks \(U\+302E, U\+1D165\) whose order matters"):
        InGraphWordPiece(WordPieceTokenizer(both))
    kept = WordPieceTokenizer(both, do_lower_case=False)  # without NFD nothing is sorted
    assert_same_rows(kept, InGraphWordPiece(kept), texts)


def test_in_a_dataset_with_any_batch(small):
    host, graph = small
    dataset = tf.data.Dataset.from_tensor_slices(["a b", "abc [MASK]", "xyz", "京北", ""]).batch(2)
    batches = list(dataset.map(lambda texts: graph(texts, max_length=8), num_parallel_calls=2))
    assert [batch["input_ids"].shape[0] for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(batches[1]["input_ids"], host(["xyz", "京北"])["input_ids"])


@pytest.mark.slow
def test_a_saved_model_needs_tensorflow_text_only(small, tmp_path):
    host, graph = small
    module = tf.Module()
    module.tokenizer = graph
    strings = [tf.TensorSpec((None,), tf.string, name=name) for name in ("text", "text_pair")]
    signatures = {
        "text": tf.function(lambda text: module.tokenizer(text, max_length=6), input_signature=strings[:1]),
        "pair": tf.function(lambda text, pair: module.tokenizer(text, pair, max_length=9), input_signature=strings),
    }
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signatures)
    code = f"""
import sys
import tensorflow as tf
import tensorflow_text
loaded = tf.saved_model.load({str(tmp_path / "saved")!r})
texts, pairs = tf.constant(["Ab [MASK] abc", "é北"]), tf.constant(["xyz", "b b b b b b"])
print(loaded.signatures["text"](text=texts)["input_ids"].numpy().tolist())
print(loaded.signatures["pair"](text=texts, text_pair=pairs)["token_type_ids"].numpy().tolist())
assert not any(name.startswith("kerasbert") for name in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ids, types = map(eval, run.stdout.splitlines())
    texts, pairs = ["Ab [MASK] abc", "é北"], ["xyz", "b b b b b b"]
    assert ids == host(texts, max_length=6)["input_ids"].tolist()
    assert types == host(texts, pairs, max_length=9)["token_type_ids"].tolist()
