"""Added tokens and settings in the files beside a vocabulary: read as transformers reads them, kept, or refused."""

import json
from pathlib import Path

import pytest
from checkpoints.tokenizer_folders import MAKERS, PIECES, PLAIN, TEXTS, URL, make_bytepair, make_wordpiece

from kerasbert.errors import TokenizerError
from kerasbert.tokenizers import WordPieceTokenizer, from_options, load

RECORDED = json.loads((Path(__file__).parent / "tokenizer_folders.json").read_text(encoding="utf-8"))
CASES = [(kind, name) for kind, (_, folders) in MAKERS.items() for name in folders]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_ids_are_those_of_transformers_and_survive_saving(tmp_path, kind, name):
    make, folders = MAKERS[kind]
    make(tmp_path / "folder", folders[name])
    tokenizer, wanted = load(tmp_path / "folder"), RECORDED[kind][name]
    assert [row.ids for row in tokenizer.encode(TEXTS)] == wanted["ids"]
    assert tokenizer.vocab_size == wanted["size"]
    tokenizer.save(tmp_path / "saved")
    for again in (load(tmp_path / "saved"), from_options(tokenizer.options(), tmp_path / "saved")):
        assert [row.ids for row in again.encode(TEXTS)] == wanted["ids"]


def test_a_tokenizer_json_does_not_hide_the_other_files(tmp_path):
    make_wordpiece(tmp_path / "folder", {})
    load(tmp_path / "folder").save(tmp_path / "folder")
    (tmp_path / "folder" / "added_tokens.json").write_text(json.dumps({"[E1]": len(PIECES)}))
    assert load(tmp_path / "folder").encode(["the [E1]x"])[0].ids == [2, 7, len(PIECES), 18, 3]


@pytest.mark.parametrize("wanted", [False, True])
def test_add_prefix_space_holds_beside_a_tokenizer_json(tmp_path, wanted):
    make_bytepair(tmp_path / "folder", {"tokenizer_config.json": {"add_prefix_space": not wanted}})
    load(tmp_path / "folder").save(tmp_path / "folder")
    (tmp_path / "folder" / "tokenizer_config.json").write_text(json.dumps({"add_prefix_space": wanted}))
    tokenizer = load(tmp_path / "folder")
    assert tokenizer.encode(["the"])[0].tokens[1].startswith("Ġ") == wanted
    tokenizer.save(tmp_path / "saved")
    for name in ("tokenizer_config.json", "vocab.json", "merges.txt"):
        (tmp_path / "saved" / name).unlink()
    assert load(tmp_path / "saved").encode(["the"])[0].tokens[1].startswith("Ġ") == wanted


def refused(folder: Path, message: str) -> None:
    with pytest.raises(TokenizerError) as caught:
        load(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer_config.json": {"tokenizer_class": "BertJapaneseTokenizer"}}, "'BertJapaneseTokenizer' is not"),
        ({"config.json": {"tokenizer_class": "BertJapaneseTokenizer"}}, "'BertJapaneseTokenizer' is not supported"),
        ({"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"}}, "'RobertaTokenizer' is not supported"),
        ({"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}, "'PreTrainedTokenizerFast' is not"),
        ({"tokenizer_config.json": {"cls_token": "<s>"}}, "cls_token is '<s>'; kerasbert supports '[CLS]' only"),
        ({"special_tokens_map.json": {"sep_token": {"content": "</s>"}}}, "sep_token is '</s>'; kerasbert supports"),
        ({"tokenizer_config.json": {"truncation_side": "left"}}, "truncation_side is 'left'; kerasbert supports"),
        ({"tokenizer_config.json": {"split_special_tokens": True}}, "split_special_tokens is True; kerasbert supports"),
        ({"added_tokens.json": {"[E1]": 40}}, "the added token '[E1]' has id 40, the next free is 19"),
        ({"added_tokens.json": {"film": 3}}, "the added token 'film' has id 3, but id 8 in the vocabulary"),
        ({"added_tokens.json": {"[E1]": "x"}}, "the added token '[E1]' has the id 'x', not a number"),
        ({"added_tokens.json": ["[E1]"]}, "added_tokens.json: holds a JSON list, not an object"),
        (
            {"special_tokens_map.json": {"additional_special_tokens": "x"}},
            "additional_special_tokens is 'x', not a list",
        ),
        ({"tokenizer_config.json": {"added_tokens_decoder": [URL]}}, "added_tokens_decoder is [{'content': '<url>'"),
        (
            {"tokenizer_config.json": {"added_tokens_decoder": {"6": "<url>"}}},
            "'<url>' does not describe an added token",
        ),
        (
            {
                "tokenizer_config.json": {**PLAIN, "added_tokens_decoder": {"19": {**URL, "content": "[E1]"}}},
                "added_tokens.json": {"[E1]": 20},
            },
            "the added token '[E1]' has the ids 19 and 20",
        ),
    ],
)
def test_what_would_give_other_ids_is_refused(tmp_path, files, message):
    make_wordpiece(tmp_path / "folder", files)
    refused(tmp_path / "folder", message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, None),
        (None, None),
        ({"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, None),
        (
            {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True}
            | {"add_prefix_space": False},
            "post_processor makes the row [CLS]/0 A/0 [SEP]/0 [SEP]/0 B/0 [SEP]/0 (token/segment); kerasbert makes "
            "[CLS]/0 A/0 [SEP]/0 B/1 [SEP]/1",
        ),
        ({"type": "Unheard"}, "post_processor cannot be used"),
        (
            {"type": "TemplateProcessing", "pair": [], "special_tokens": {}}
            | {"single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}]},
            "its template has the token '[CLS]', which special_tokens lacks",
        ),
    ],
)
def test_rows_are_made_as_the_file_says_or_refused(tmp_path, change, message):
    WordPieceTokenizer(PIECES).save(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "post_processor": change}), encoding="utf-8")
    if message:
        refused(tmp_path, message)
    else:
        assert load(tmp_path).encode(["the"], ["film"])[0].type_ids == [0, 0, 0, 1, 1]


def test_byte_pairs_with_segments_are_refused(tmp_path):
    make_bytepair(tmp_path / "folder", {})
    load(tmp_path / "folder").save(tmp_path / "folder")
    path = tmp_path / "folder" / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    last = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "</s>", "type_id": 1}}]
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [*template, last],
        "pair": [*template, last, *second],
        "special_tokens": {x: {"id": x, "ids": [i], "tokens": [x]} for x, i in (("<s>", 0), ("</s>", 2))},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    refused(tmp_path / "folder", "post_processor makes the row <s>/0 A/0 </s>/0 B/1 </s>/1 (token/segment)")


def test_the_chinese_vocabulary_as_transformers_5_writes_it(tmp_path):
    """Its piece U+2028 is white space, which transformers strips to "" when it reads vocab.txt."""
    pieces = [*PIECES[:8], "\u2028", "##\u2028", *PIECES[8:]]
    WordPieceTokenizer(pieces).save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("\u2028", ""), encoding="utf-8")
    assert load(tmp_path).vocab_size == len(pieces)  # beside the vocab.txt that it was made from
    (tmp_path / "vocab.txt").unlink()
    tokenizer = load(tmp_path)
    assert tokenizer.encode(["the film"])[0].ids == [2, 7, 10, 3]
    tokenizer.save(tmp_path / "saved")
    assert load(tmp_path / "saved").encode(["the film"])[0].ids == [2, 7, 10, 3]
