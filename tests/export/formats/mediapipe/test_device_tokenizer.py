"""Our port of the device's tokenizer, against the device's."""

import random
import string

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.export.formats.mediapipe.device_tokenizer import mediapipe_tokens, misread_characters, read_differently
from kerasbert.export.formats.mediapipe.metadata import INPUTS, Metadata, with_metadata
from kerasbert.quiet import quiet
from kerasbert.tasks.golden import TEXTS
from kerasbert.tokenizers import WordPieceTokenizer

LENGTH = 128
CHARACTERS = string.ascii_lowercase + string.digits + "éü"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[NEW]", *string.punctuation, *CHARACTERS, *"家电影ß"]
VOCABULARY += [f"##{piece}" for piece in (*CHARACTERS, "ing", "ness", "ly", "е")]
VOCABULARY += [*"αηθмоскваかカㄱ하", "##\u1161", *(f"##{each}" for each in "αηθнмосква")]
VOCABULARY = [*dict.fromkeys(VOCABULARY)]
VOCABULARY += ["film", "Film", "the", "a1b2", "love", "lovely", "good", "cafe", "café", "не", "ﬁ", "book"]
MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»„“”‘’–—…¿¡§¶†‰、。！？「」・٪؟۔"
SPACES = " \t\n\r\f\v\u00a0\u2003\u2028\u3000\u0085\u200b\ufeff\x1c"
OTHERS = "éüÉßİıсСΣς家电影豈𠀀の한ا\u0301\u0130ﬁ½×√😀👍🏽\x07\x7f\ufffd"


@pytest.fixture(scope="module")
def device_ids(on_device, tmp_path_factory):
    """text -> the ids that MediaPipe feeds: an embedder that answers with its input."""
    folder = tmp_path_factory.mktemp("ids")

    @tf.function(input_signature=[{name: tf.TensorSpec((1, LENGTH), tf.int32, name=name) for name in INPUTS}])
    def echo(inputs):
        return {"embedding": tf.cast((inputs["input_ids"] + 1) * inputs["attention_mask"], tf.float32)}

    with quiet():
        tf.saved_model.save(tf.Module(), str(folder), signatures=echo)
        model = tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()
    model = with_metadata(model, Metadata(contract="TextEmbedder", vocabulary=VOCABULARY))
    task = on_device("TextEmbedder", model)

    def ids(text: str) -> list[int]:
        row = np.asarray(task.embed(text).embeddings[0].embedding, "int32")
        return (row[row > 0] - 1).tolist()

    return ids


def texts_at_random() -> list[str]:
    draw = random.Random(0)
    alphabets = [string.ascii_letters, string.digits, MARKS, SPACES, OTHERS]
    words = [piece for piece in VOCABULARY if not piece.startswith("##")]

    def word() -> str:
        if draw.random() < 0.5:
            return draw.choice([str, str.upper, str.title])(draw.choice(words))
        return "".join(draw.choice(draw.choice(alphabets)) for _ in range(draw.randint(1, 9)))

    return ["".join(word() + draw.choice(["", " "]) for _ in range(draw.randint(0, 40))) for _ in range(1500)]


SCRIPTS = [
    "Αθήνα αθηνα",
    "Москва москва",
    "が か\u3099 ガ ｶﾞ",
    "한국 \u1112\u1161",
    "Ձ",
    "a\u00adb",
    "Ⓐ ß ẞ",
    "и\u0306",
    "ﾀﾞ",
]
LIMITS = [
    "x" * 100,
    "x" * 101,
    "é" * 50,
    "é" * 51,
    "家" * 60,
    "ab" * 50 + " film",
    "cut\0 here",
    "[NEW] [SEP]",
    " ",
    "",
]


@pytest.mark.parametrize(
    "texts", [TEXTS, LIMITS, SCRIPTS, texts_at_random()], ids=["golden", "limits", "scripts", "random"]
)
def test_the_port_reads_as_mediapipe_does(texts, device_ids):
    ids = {piece: number for number, piece in enumerate(VOCABULARY)}
    for text in texts:
        pieces = mediapipe_tokens(text, ids)[: LENGTH - 2]
        assert [ids[piece] for piece in ("[CLS]", *pieces, "[SEP]")] == device_ids(text), repr(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("the FILM", ["the", "film"]),
        ("café, Café", ["café", ",", "café"]),
        ("CAFÉ", ["[UNK]"]),  # É stays
        ("a\u00a0film", ["[UNK]"]),  # one word to it
        ("[SEP]", ["[", "s", "##e", "##p", "]"]),
    ],
)
def test_what_it_does_otherwise_than_bert(text, pieces):
    assert mediapipe_tokens(text, set(VOCABULARY)) == pieces


def test_plain_texts_are_read_alike_and_accents_are_not():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    texts = ["", "a lovely FILM!", "Café", "a film, 家", "a film [SEP] a book", "un\u00a0film"]
    assert read_differently(tokenizer, texts, max_length=32) == ["Café", "a film [SEP] a book", "un\u00a0film"]


def test_what_is_cut_off_makes_no_difference():
    assert not read_differently(WordPieceTokenizer(VOCABULARY), ["a good film, Café"], max_length=5)


def test_capitals_of_a_cased_vocabulary_are_lost():
    tokenizer = WordPieceTokenizer(VOCABULARY, do_lower_case=False)
    assert read_differently(tokenizer, ["the film", "the Film"], max_length=32) == ["the Film"]


def test_characters_that_it_misreads_are_counted_by_script():
    words = ["abc", "жизнь", "αβγ", "か", "\u1112", "##\u1161"]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    counts = misread_characters(WordPieceTokenizer([*special, *words]))
    assert counts["kana"] == 1  # が
    assert counts["Hangul"] == 1  # 하
    assert {"Latin", "Cyrillic", "Greek", "marks", "spaces", "invisible"} <= counts.keys()
    plain = misread_characters(WordPieceTokenizer([*special, *"0123456789"]))
    assert {"kana", "Hangul", "Latin", "Cyrillic", "Greek"}.isdisjoint(plain)  # [UNK] in both
    cased = misread_characters(WordPieceTokenizer([*special, *string.ascii_letters], do_lower_case=False))
    assert cased["Latin"] == 26


@pytest.mark.parametrize("text", ["é", "Ж", "Ω", "が", "하", "a\u00a0a", "a\u00ada"])
def test_each_of_them_makes_another_word(text):
    tokenizer = WordPieceTokenizer([*VOCABULARY[:5], "e", "ж", "ω", "か", "\u1112", "##\u1161", "a", "##a"])
    assert read_differently(tokenizer, [text], max_length=8) == [text]
