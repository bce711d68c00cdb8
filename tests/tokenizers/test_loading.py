"""Folders in every form that checkpoints come in, and what is wrong with some."""

import json
import shutil
from pathlib import Path

import pytest

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import BytePairTokenizer, WordPieceTokenizer, check_vocabulary, from_options, load

FIXTURES = Path(__file__).parent / "fixtures"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "a", "b", "##b", "é", "e", "北", "京"]
TEXTS = ["A bé ab É", "[MASK] 北京 ab", "e\u0301 Ab\tB"]
ADDED = [
    {"content": "<e1>", "special": True},
    {"content": "New", "normalized": True},
    {"content": "b", "special": True},
]


def ids(tokenizer, texts=TEXTS):
    return [encoding.ids for encoding in tokenizer.encode(texts)]


def write_vocab(folder, pieces=PIECES, ending="\n"):
    (folder / "vocab.txt").write_bytes("".join(piece + ending for piece in pieces).encode())


def write_json(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")


def edit(path, change):
    """Changes a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write_json(path, content)


@pytest.fixture
def saved(tmp_path):
    """A folder as `save` leaves it: vocab.txt, tokenizer.json, tokenizer_config.json."""
    folder = tmp_path / "saved"
    WordPieceTokenizer(PIECES, do_lower_case=False, strip_accents=True, added_tokens=ADDED).save(folder)
    return folder


def fails(folder, message):
    """Loading fails with one line that names the folder's file and holds the message."""
    with pytest.raises(TokenizerError) as caught:
        load(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert str(folder) in text
    assert message in text, text


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_vocab_txt_alone(tmp_path, ending):
    write_vocab(tmp_path, ending=ending)
    assert load(tmp_path).pieces == PIECES
    assert ids(load(tmp_path)) == ids(WordPieceTokenizer(PIECES, do_lower_case=True))


def test_vocab_txt_alone_with_capitals_is_cased(tmp_path):
    write_vocab(tmp_path, [*PIECES, "##Ab"])
    assert not load(tmp_path).do_lower_case


def test_vocab_txt_with_a_byte_order_mark_and_odd_line_breaks_inside(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"\xef\xbb\xbf" + "\n".join([*PIECES, "\u2028", "\x85", ""]).encode())
    assert load(tmp_path).pieces == [*PIECES, "\u2028", "\x85"]


@pytest.mark.parametrize(
    "options",
    [{"do_lower_case": False}, {"do_lower_case": True, "strip_accents": False}, {"tokenize_chinese_chars": False}],
)
def test_tokenizer_config_has_the_last_word(tmp_path, options):
    write_vocab(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", {**options, "model_max_length": 512})
    assert ids(load(tmp_path)) == ids(WordPieceTokenizer(PIECES, **options))
    WordPieceTokenizer(PIECES).save(tmp_path)
    write_json(tmp_path / "tokenizer_config.json", options)
    assert ids(load(tmp_path)) == ids(WordPieceTokenizer(PIECES, **options))


@pytest.mark.parametrize(
    "removed", [(), ("vocab.txt",), ("tokenizer_config.json",), ("vocab.txt", "tokenizer_config.json")]
)
def test_saved_folder_gives_the_same_ids_without_what_is_said_twice(saved, removed):
    for name in removed:
        (saved / name).unlink()
    tokenizer = WordPieceTokenizer(PIECES, do_lower_case=False, strip_accents=True, added_tokens=ADDED)
    texts = [*TEXTS, "a<e1>New b new"]
    assert ids(load(saved), texts) == ids(tokenizer, texts)
    assert load(saved).vocabulary == tokenizer.vocabulary == [*PIECES, "<e1>", "New"]


def test_saving_again_changes_no_file(saved, tmp_path):
    load(saved).save(tmp_path / "again")
    for path in saved.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_options_and_vocab_txt_make_the_tokenizer_again(saved):
    tokenizer = load(saved)
    options = json.loads(json.dumps(tokenizer.options()))
    (saved / "tokenizer.json").unlink()
    again = from_options(options, saved)
    assert ids(again, [*TEXTS, "a<e1>New b"]) == ids(tokenizer, [*TEXTS, "a<e1>New b"])
    with pytest.raises(TokenizerError, match="unknown kind 'sentencepiece'"):
        from_options({"kind": "sentencepiece"}, saved)


def test_truncation_and_padding_in_tokenizer_json_are_dropped(saved):
    padding = {"strategy": {"Fixed": 40}, "direction": "Left", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    truncation = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    before = ids(load(saved))
    edit(
        saved / "tokenizer.json",
        lambda c: c.update(truncation=truncation, padding=padding | {"pad_to_multiple_of": None}),
    )
    assert ids(load(saved)) == before


def test_vocab_txt_may_list_the_added_tokens_too(saved):
    write_vocab(saved, [*PIECES, "<e1>", "New"])
    assert load(saved).vocab_size == len(PIECES) + 2


def test_files_that_contradict_each_other(saved):
    write_vocab(saved, [*PIECES[:-2], "京", "北"])
    fails(saved, "line 11: '京', but tokenizer.json has '北' with that id; remove the wrong file")
    write_vocab(saved, PIECES[:-1])
    fails(saved, "has 11 pieces, but tokenizer.json has 12")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "vocab.txt is empty"),
        (b"\n\n", "vocab.txt is empty"),
        (b"[PAD]\n[UNK]\n\xff\n", "vocab.txt, line 3: byte 0xff is not UTF-8"),
        ("\n".join([*PIECES, "a"]).encode(), "the piece 'a' appears twice, on lines 6 and 13"),
        ("\n".join([*PIECES, "", "c"]).encode(), "line 13 is empty"),
        ("\n".join(PIECES[2:]).encode(), "lacks [PAD], [UNK], which BERT needs"),
    ],
)
def test_a_vocab_txt_that_cannot_be_used(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    fails(tmp_path, message)


def test_mask_may_be_missing(tmp_path):
    write_vocab(tmp_path, [piece for piece in PIECES if piece != "[MASK]"])
    assert load(tmp_path).vocab_size == len(PIECES) - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("model"), "has no model, so it is no whole tokenizer"),
        (lambda c: c["model"].update(type="Unigram"), "a tokenizer of the kind 'Unigram'; only WordPiece and BPE"),
        (lambda c: c["model"].pop("vocab"), "no usable vocabulary"),
        (lambda c: c["model"]["vocab"].update(a=99), "the ids of its 12 pieces do not run from 0 to 11"),
        (lambda c: c["model"]["vocab"].update({"京": 3}), "do not run from 0 to 11"),
        (lambda c: c["model"].update(unk_token="<unk>"), "model.unk_token is '<unk>'; a BERT tokenizer has '[UNK]'"),
        (lambda c: c["model"].update(max_input_chars_per_word=50), "max_input_chars_per_word is 50"),
        (lambda c: c["model"].update(continuing_subword_prefix="@@"), "continuing_subword_prefix is '@@'"),
        (lambda c: c.update(normalizer={"type": "NFC"}), "normalizer is 'NFC'"),
        (lambda c: c["normalizer"].update(clean_text=False), "clean_text is False"),
        (lambda c: c.update(pre_tokenizer={"type": "Whitespace"}), "pre_tokenizer is 'Whitespace'"),
        (lambda c: c["added_tokens"][-1].update(id=77), "has id 77, the next free is 13"),
        (lambda c: c["added_tokens"][-1].pop("content"), "does not describe an added token"),
        (lambda c: c["added_tokens"][-1].update(special="yes"), "does not describe an added token"),
        (lambda c: c["added_tokens"].append("x"), "no usable vocabulary"),
        (lambda c: c.update(normalizer=-1), "no usable vocabulary"),
        (lambda c: c.update(pre_tokenizer=[1]), "no usable vocabulary"),
        (lambda c: c["model"].update(type=[1]), "a tokenizer of the kind [1]"),
        (lambda c: c["model"]["vocab"].update(a=float("inf")), "no usable vocabulary"),
    ],
)
def test_a_tokenizer_json_that_cannot_be_used(saved, change, message):
    edit(saved / "tokenizer.json", change)
    fails(saved, message)


def test_json_that_is_none(saved):
    (saved / "tokenizer.json").write_bytes(b"{")
    fails(saved, "tokenizer.json: cannot be read as JSON")
    (saved / "tokenizer.json").write_bytes(b"[1]")
    fails(saved, "tokenizer.json: holds a JSON list, not an object")
    (saved / "tokenizer.json").write_bytes(b'{"a": "\xff"}')
    fails(saved, "tokenizer.json, line 1: byte 0xff is not UTF-8")


def test_options_of_the_wrong_kind(saved):
    write_json(saved / "tokenizer_config.json", {"do_lower_case": "false"})
    fails(saved, "do_lower_case is 'false', not true or false")


def test_folders_without_a_tokenizer(tmp_path):
    fails(tmp_path, "holds no tokenizer: no vocab.txt, no tokenizer.json, no vocab.json with merges.txt")
    fails(tmp_path / "absent", "no tokenizer; name a vocab.txt, a tokenizer.json, or the folder that holds one")


@pytest.mark.parametrize(
    ("rows", "fits"), [(12, True), (16, True), (32, True), (128, True), (11, False), (13, False), (30, False)]
)
def test_check_vocabulary(rows, fits):
    tokenizer = WordPieceTokenizer(PIECES)
    if fits:
        check_vocabulary(tokenizer, rows, "model")
    else:
        relation = "larger" if rows < 12 else "smaller"
        with pytest.raises(
            TokenizerError, match=rf"^model: the vocabulary \(12 tokens\) is {relation} than the .* \({rows} rows\)"
        ):
            check_vocabulary(tokenizer, rows, "model")


@pytest.fixture
def roberta(tmp_path):
    """A RoBERTa folder with vocab.json and merges.txt."""
    return shutil.copytree(FIXTURES / "roberta", tmp_path / "roberta")


def test_a_byte_pair_begins_a_word_where_it_begins_with_a_space(roberta):
    tokenizer = load(roberta)
    assert [tokenizer.continues_word(token) for token in ("\u0120the", "\u0120", "the", "e")] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_bytepair_files_and_their_saved_forms_give_the_same_ids(roberta, tmp_path, add_prefix_space):
    write_json(roberta / "tokenizer_config.json", {"add_prefix_space": add_prefix_space})
    tokenizer = load(roberta)
    assert isinstance(tokenizer, BytePairTokenizer)
    texts = [*TEXTS, "Hello<mask> a <mask> b", " x", ""]
    starts_with_space = tokenizer.encode(["the"])[0].tokens[1].startswith("Ġ")
    assert starts_with_space == add_prefix_space
    tokenizer.save(tmp_path / "all")
    assert ids(load(tmp_path / "all"), texts) == ids(tokenizer, texts)
    (tmp_path / "all" / "tokenizer.json").unlink()
    assert ids(load(tmp_path / "all"), texts) == ids(tokenizer, texts)
    tokenizer.save(tmp_path / "json")
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (tmp_path / "json" / name).unlink()
    again = from_options(tokenizer.options(), tmp_path / "json")
    assert ids(again, texts) == ids(tokenizer, texts)
    assert again.encode(texts, max_length=6)[3].offsets == tokenizer.encode(texts, max_length=6)[3].offsets


def test_bytepair_cutting_keeps_offsets(roberta):
    tokenizer = load(roberta)
    texts, pairs = [" Hello   the  gün"], ["ab  the"]
    whole, uncut = tokenizer.encode(texts, pairs)[0], tokenizer.encode(texts, pairs, max_length=200)[0]
    assert (uncut.ids, uncut.offsets, uncut.sequence_ids) == (whole.ids, whole.offsets, whole.sequence_ids)


def test_bytepair_folders_that_cannot_be_used(roberta):
    vocabulary = json.loads((roberta / "vocab.json").read_text(encoding="utf-8"))
    for name, content, message in [
        ("merges.txt", b"#version: 0.2\nzz qq\n", "vocab.json: cannot be read as a byte-pair tokenizer"),
        ("merges.txt", b"\xff\xfe", "cannot be read as a byte-pair tokenizer"),
        ("vocab.json", b"{", "cannot be read as a byte-pair tokenizer"),
        ("vocab.json", json.dumps(vocabulary | {"a": 5000}).encode(), "none with id"),
        ("vocab.json", json.dumps({k: v for k, v in vocabulary.items() if k != "<pad>"}).encode(), "lacks <pad>"),
    ]:
        before = (roberta / name).read_bytes()
        (roberta / name).write_bytes(content)
        fails(roberta, message)
        (roberta / name).write_bytes(before)
    (roberta / "merges.txt").unlink()
    fails(roberta, "no vocab.json with merges.txt")


def test_real_folder_with_both_files(minilm):
    tokenizer = load(minilm)
    assert (tokenizer.vocab_size, tokenizer.do_lower_case) == (30522, True)
    assert tokenizer(["Hello, my dog is cute"])["input_ids"].tolist() == [
        [101, 7592, 1010, 2026, 3899, 2003, 10140, 102]
    ]
