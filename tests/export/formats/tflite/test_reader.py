"""The tokenizer inside a `.tflite` file gives the host tokenizer's ids for every text, run by LiteRT."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export.formats.tflite.converter import converted
from kerasbert.export.formats.tflite.reader import TextReader
from kerasbert.tf.text_file import text_interpreter
from kerasbert.tokenizers.character_table import sorted_marks
from kerasbert.tokenizers.wordpiece import WordPieceTokenizer, read_vocab

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdexyz", "##b", "##c", "ab", "##xyz", "北", "京"]
PIECES += ["[", "]", "mask", "mark", "k", "##k", "caf", "##e", "<", ">", "user", "##", "#", "fi", "##x"]
OPTIONS = {
    "uncased": {},
    "cased": {"do_lower_case": False},
    "cased-strip": {"do_lower_case": False, "strip_accents": True},
    "lower-keep": {"strip_accents": False},
    "chinese-words": {"tokenize_chinese_chars": False},
}
TOKENS = [
    "a[MASK]b",
    "[mask]",
    "[MASK",
    "[[MASK]]",
    "[CLS][SEP][PAD][UNK]",
    "[MA\u200bSK]",
    "[",
    "[MASK]x",
    "[CLS]\u0301[",
]
TOKENS += ["[CLS" * 200 + "]", "K" * 500 + "[MASK]"]
CHARACTERS = [
    "½ ™ … ① ﬁ ﬁx Ǆ ǅ ς Σ ß 𝐀𝐛 ，。",
    "Café CAFÉ cafe\u0301",
    "北京ab京",
    "a\u00a0b\u3000c\u2028d",
    "# ## ###",
    "한국",
]
CONTROLS = ["\0", "a\0b", "[MA\0SK] \0[SEP]", "a\x07b\tc\nd\x85e", "\ue000a\U000f0001b\U000f0000", "", "   ", "\ufffda"]
LONG = ["ab" + "c" * 98, "ab" + "c" * 99, "北" * 150, "e\u0301" * 101, "é" * 60, "é" * 101, "\U00010400" * 101 + " a"]
LONG += ["a " * 20000, "a" * 20000]


@pytest.fixture(scope="module")
def read_on_device(tmp_path_factory):
    """`read(tokenizer, texts)`: the ids that LiteRT gives, each text's own."""

    def read(tokenizer, texts, length=400):
        path = tmp_path_factory.mktemp("reader") / "reader.tflite"
        module = tf.Module()
        module.reader = TextReader(tokenizer, pad_id=tokenizer.pad_id)
        text = tf.TensorSpec((1,), tf.string, name="text")
        function = tf.function(lambda text: module.reader(text, length), autograph=False, input_signature=[text])
        ((_, content),) = converted(module, {"serving_default": function}, {path: "none"}, custom=True)
        path.write_bytes(content)
        interpreter = text_interpreter(path, threads=1)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()
        found = [run(text=np.array([text.encode()], dtype=object)) for text in texts]
        assert all(not each["token_type_ids"].any() for each in found)
        return [each["input_ids"][each["attention_mask"] == 1].tolist() for each in found]

    return read


def different(tokenizer, texts, read, length=400) -> list[str]:
    rows = [row.ids for row in tokenizer.encode(texts, max_length=length)]
    return [text for text, a, b in zip(texts, rows, read(tokenizer, texts, length), strict=True) if a != b]


@pytest.mark.parametrize(
    "options", ["uncased", *(pytest.param(each, marks=pytest.mark.slow) for each in OPTIONS if each != "uncased")]
)
def test_texts_that_tensorflow_text_reads_otherwise_by_itself(options, read_on_device):
    tokenizer = WordPieceTokenizer(PIECES, **OPTIONS[options])
    assert different(tokenizer, [*TOKENS, *CHARACTERS, *CONTROLS, *LONG], read_on_device) == []


def test_a_text_is_cut_to_the_length(read_on_device):
    tokenizer = WordPieceTokenizer(PIECES)
    assert different(tokenizer, ["a b c d", "[MASK]" * 9, "a", ""], read_on_device, length=4) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", ["uncased", "cased", "chinese-words"])
def test_every_character_between_two_letters(options, read_on_device):
    """All of Unicode; the vocabulary has what becomes of those below U+3400."""
    text = "".join(chr(i) for i in range(0x110000) if not 0xD800 <= i <= 0xDFFF)
    normalizer = WordPieceTokenizer(PIECES, **OPTIONS[options])._backend.normalizer
    pieces = sorted(set(normalizer.normalize_str(text[:0x3400])) - {*"\n ", *PIECES})
    pieces = sorted(set(pieces).difference(*sorted_marks(pieces)[1:]))  # marks of several classes are refused
    pieces = [*PIECES, *pieces, *(f"##{piece}" for piece in pieces if f"##{piece}" not in PIECES)]
    tokenizer = WordPieceTokenizer(pieces, **OPTIONS[options])
    rows = [" ".join(f"a{each}b" for each in text[start : start + 100]) for start in range(0, len(text), 100)]
    assert different(tokenizer, rows, read_on_device, length=1000) == []


@pytest.mark.slow
@pytest.mark.parametrize(("vocabulary", "options"), [("minilm", "uncased"), ("bert-base-multilingual-cased", "cased")])
def test_generated_strings_with_published_vocabularies(vocabulary, options, generated, vocabulary_file, read_on_device):
    tokenizer = WordPieceTokenizer(read_vocab(vocabulary_file(vocabulary)), **OPTIONS[options])
    assert different(tokenizer, generated, read_on_device) == []


def test_added_tokens_of_whole_words_are_found(read_on_device):
    added = [{"content": each, "normalized": False} for each in ("<user>", "[E1]", "[E1][MASK]")]
    tokenizer = WordPieceTokenizer(PIECES, added_tokens=added)
    texts = ["a<user>b", "<USER> <user", "[E1][E1][MASK][MASK]", "<<user>>", "[E1"]
    assert different(tokenizer, texts, read_on_device) == []


@pytest.mark.parametrize(
    "token",
    [
        {"content": "user", "special": True},
        {"content": "<user", "special": True},
        {"content": "<u>", "normalized": True},
    ]
    + [{"content": "<u>", "special": True, flag: True} for flag in ("lstrip", "rstrip", "single_word")],
)
def test_other_added_tokens_are_refused(token):
    with pytest.raises(ExportError, match=f"cannot follow the added token '{token['content']}': leave tflite-text out"):
        TextReader(WordPieceTokenizer(PIECES, added_tokens=[token]))


def test_marks_whose_order_matters_are_refused():
    pieces = [*PIECES, "##\u302e", "##\U0001d165"]
    with pytest.raises(ExportError, match=r"combining marks \(U\+302E, U\+1D165\) .* or leave tflite-text out"):
        TextReader(WordPieceTokenizer(pieces))
    TextReader(WordPieceTokenizer(pieces, do_lower_case=False))  # without NFD nothing is sorted


def test_bytes_that_are_not_utf8_make_their_word_unknown():
    """The one difference: the host drops them."""
    tokenizer = WordPieceTokenizer(PIECES)
    read = TextReader(tokenizer).ids(tf.constant([b"a b\xffb c"]), 16).numpy()
    assert [tokenizer.pieces[number] for number in read] == ["[CLS]", "a", "[UNK]", "c", "[SEP]"]


def test_byte_pairs_are_refused(fixtures):
    with pytest.raises(ExportError, match="no bytepair tokenizer for TFLite, only BERT's: leave tflite-text out"):
        TextReader(TextClassifier.from_pretrained(fixtures / "roberta_classifier").tokenizer)
