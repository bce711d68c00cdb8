"""The graph makes the texts of ids that the task makes of them on the host."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.tasks.seq2seq import TASK, Settings, SourceRow
from kerasbert.tasks.task import Example
from kerasbert.tf.written_text import InGraphText, is_blank
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.tokenizers.wordpiece import read_vocab

PIECES = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("a", "b", "n", "##s", "##é", "é", "##\u0301", "do", "not", "are", "i"),
    *".,!?'’\"-:;()。、「」",
    *("n't", "'m", "'s", "'ve", "'re", "##n't", "##.", "##", "#", "###", "\\1", "\\"),
    *("人", "好", "北", "##人", "\u30a2", "\uff21", "\U00020000", "가"),
    *("😀", "##😀", "\u2028", "\u3000", "\u00a0x", "\x85", "\u200b", "\u1680"),
]
ADDED = [
    {"content": "<e1>", "special": True},
    {"content": "do not"},
    {"content": " ' "},
    {"content": "new york", "lstrip": True},
    {"content": "人 a"},
    {"content": "  ", "normalized": False},
]


def rows_of(size: int, number: int, longest: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Random ids and lengths; some ids are beyond the tokenizer's, as a model's may be."""
    draw = np.random.default_rng(0)
    return draw.integers(0, size + 3, (number, longest), "int32"), draw.integers(0, longest + 1, number, "int32")


def texts_of_host(tokenizer, ids, lengths) -> list[str]:
    settings = Settings(max_length=9, decoder_start_token_id=2, eos_token_id=3)
    found = []
    for row, length in zip(ids, lengths, strict=True):
        sources = [SourceRow(Example({"source": "a"}), {}, tokenizer=tokenizer)]
        outputs = {"sequences": [[row[:length]]], "scores": [[0.0]]}
        found.append(TASK.decode(sources[0].example, sources, outputs, settings)["generated_text"])
    return found


def assert_same_texts(tokenizer, ids, lengths) -> list[str]:
    given = tf.function(InGraphText(tokenizer), autograph=False)(ids, lengths)
    found, wanted = [text.decode() for text in given.numpy()], texts_of_host(tokenizer, ids, lengths)
    different = [case for case in zip(ids.tolist(), wanted, found, strict=True) if case[1] != case[2]]
    assert not different, f"{len(different)} texts differ, such as {different[:3]}"
    return found


@pytest.mark.parametrize("added", [(), ADDED], ids=["pieces", "added tokens"])
@pytest.mark.parametrize("options", [{}, {"do_lower_case": False}], ids=["uncased", "cased"])
def test_random_tokens_of_many_kinds(options, added):
    tokenizer = WordPieceTokenizer(PIECES, added_tokens=added, **options)
    found = assert_same_texts(tokenizer, *rows_of(tokenizer.vocab_size, 10_000))
    assert {"", ".", "##s"} <= set(found)
    assert any("😀é" in text for text in found)
    assert any("人好" in text for text in found)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("a ##s 's .", "as's."),
        ("are n't 'm i do not , ( a )", "aren't'm i do not, ( a )"),
        ("[UNK] ##s [MASK] [SEP] [PAD]", "##s"),
        ("[CLS] ## # ###", "## ##"),
        ("a 人 好 。 b , 가 a 😀 ##é", "a人好。b, 가 a 😀é"),
        ("\u3000 a \u3000 b \u2028", "a\u3000b"),
        ("\\1 人 \\1", "\\1人\\1"),
    ],
)
def test_texts_are_as_people_write_them(tokens, text):
    tokenizer = WordPieceTokenizer(PIECES)
    ids = np.array([[tokenizer.vocabulary.index(token) for token in tokens.split(" ")]], "int32")
    assert assert_same_texts(tokenizer, ids, np.int32([ids.size])) == [text]


@pytest.mark.parametrize("vocabulary", ["small", "minilm", "bert-base-chinese", "bert-base-multilingual-cased"])
def test_published_vocabularies(vocabulary, vocabulary_file):
    tokenizer = WordPieceTokenizer(read_vocab(vocabulary_file(vocabulary)), do_lower_case=False)
    assert_same_texts(tokenizer, *rows_of(tokenizer.vocab_size, 3000, longest=30))


def test_texts_come_back_from_their_tokens(generated, vocabulary_file):
    tokenizer = WordPieceTokenizer(read_vocab(vocabulary_file("small")))
    rows = tokenizer(generated[:2000], max_length=40)
    found = assert_same_texts(tokenizer, rows["input_ids"], rows["attention_mask"].sum(1).astype("int32"))
    assert len(set(found)) > 500


def test_a_vocabulary_without_words_writes_nothing():
    tokenizer = WordPieceTokenizer(PIECES[:5])
    assert set(assert_same_texts(tokenizer, *rows_of(5, 20))) == {""}
    no_tokens = InGraphText(tokenizer)(np.zeros((2, 0), "int32"), np.zeros(2, "int32"))
    assert no_tokens.numpy().tolist() == [b"", b""]
    assert InGraphText(tokenizer)(np.zeros((0, 0), "int32"), np.zeros(0, "int32")).shape == (0,)


def test_white_space_is_what_python_says():
    spaces = [chr(code) for code in range(0x11000) if not 0xD800 <= code < 0xE000]
    assert is_blank(spaces).numpy().tolist() == [not each.strip() for each in spaces]
    assert is_blank(["", "\u3000 \n\t\x1c", " a ", b" \xff"]).numpy().tolist() == [True, True, False, False]
