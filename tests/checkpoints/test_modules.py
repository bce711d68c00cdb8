"""Folders of sentence-transformers give its vectors, or an error names the module that kerasbert does not have."""

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints.module_folders import FLAGS, LENGTH, PROMPT, TEXTS, flags, make_folder, put_prompt

from kerasbert import BertEncoder, SentenceEncoder
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.models.opening import open_model

RECORDED = json.loads((Path(__file__).parent / "modules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mode", FLAGS)
def test_vectors_are_those_of_sentence_transformers(tmp_path, mode):
    folder = make_folder(tmp_path / "folder", flags(mode))
    model = SentenceEncoder.from_pretrained(folder)
    assert (model.settings.pooling, model.max_length) == (mode, LENGTH)
    np.testing.assert_allclose(model.encode(TEXTS), RECORDED[mode], atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    again = SentenceEncoder.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(again.encode(TEXTS), RECORDED[mode], atol=1e-5)


def test_a_folder_is_opened_as_the_task_that_it_is(tmp_path):
    folder = make_folder(tmp_path / "folder", flags("mean"), modules=("Normalize",))
    assert isinstance(open_model(folder), SentenceEncoder)
    given = SentenceEncoder.from_pretrained(folder, pooling="cls", max_length=5)
    assert (given.settings.pooling, given.max_length) == ("cls", 5)


@pytest.mark.parametrize(
    ("pooling", "mode"),
    [({"pooling_mode": "cls"}, "cls"), ({"pooling_mode": ["max"]}, "max"), ({}, "mean")],
)
def test_newer_and_empty_pooling_files_are_read(tmp_path, pooling, mode):
    checkpoint = SentenceEncoder.from_pretrained(make_folder(tmp_path / "folder", pooling))
    assert checkpoint.settings.pooling == mode


@pytest.mark.parametrize(
    ("pooling", "message"),
    [
        ({"pooling_mode_weightedmean_tokens": True}, "pooling weightedmean is not supported; kerasbert has cls, mean"),
        ({"pooling_mode": ["cls", "mean"]}, "pooling cls and mean is not supported"),
        ({"pooling_mode": 3}, "pooling 3 is not supported"),
    ],
)
def test_another_pooling_is_named(tmp_path, pooling, message):
    with pytest.raises(CheckpointError, match=f"1_Pooling/config.json: {message}"):
        SentenceEncoder.from_pretrained(make_folder(tmp_path / "folder", pooling))


def test_another_module_is_named_where_vectors_are_asked_for(tmp_path):
    folder = make_folder(tmp_path / "folder", flags("mean"), modules=("Dense",))
    with pytest.raises(CheckpointError, match=r"modules.json: the module Dense is not supported; kerasbert has"):
        SentenceEncoder.from_pretrained(folder)
    assert BertEncoder.from_pretrained(folder).config.hidden_size == 32  # the encoder alone is whole


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("modules.json", {"a": 1}, "not a list of modules"),
        ("modules.json", [], "no module Pooling"),
        ("modules.json", [{"path": "1_Pooling/..", "type": "a.Pooling"}], "a path leaves the folder"),
        ("sentence_bert_config.json", {"max_seq_length": "x"}, "max_seq_length is 'x': use a number of tokens"),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": "query: "}, "default_prompt_name": "other"},
            r"default_prompt_name is 'other', but prompts has no text of this name",
        ),
        ("config_sentence_transformers.json", {"prompts": {"query": 1}}, r"prompts is {'query': 1}: use texts by name"),
    ],
)
def test_what_would_give_other_vectors_is_refused(tmp_path, name, content, message):
    folder = make_folder(tmp_path / "folder", flags("mean"))
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        SentenceEncoder.from_pretrained(folder)


def test_without_a_length_the_tokenizers_limit_counts(tmp_path):
    folder = make_folder(tmp_path / "folder", flags("mean"), length=None)
    limit = open_checkpoint(folder).config.max_length
    for given, length in ((20, 20), (10**30, limit), (10**6, limit)):
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": given}), encoding="utf-8")
        assert SentenceEncoder.from_pretrained(folder).max_length == length


def test_prompts_without_a_default_leave_texts_as_they_are(tmp_path):
    folder = make_folder(tmp_path / "folder", flags("mean"))
    content = {"prompts": {"query": "query: "}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(content), encoding="utf-8")
    np.testing.assert_allclose(SentenceEncoder.from_pretrained(folder).encode(TEXTS), RECORDED["mean"], atol=1e-5)


def test_a_prompt_is_put_before_every_text(tmp_path):
    folder = put_prompt(make_folder(tmp_path / "folder", flags("mean")), PROMPT)
    model = SentenceEncoder.from_pretrained(folder)
    assert model.settings.prompt == PROMPT
    np.testing.assert_allclose(model.encode(TEXTS), RECORDED["prompt"], atol=1e-5)
    np.testing.assert_allclose(model.encode(TEXTS, prompt=""), RECORDED["mean"], atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    assert written["prompts"] == {"query": PROMPT, "other": "a "}
    assert written["default_prompt_name"] == "query"
    again = SentenceEncoder.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(again.encode(TEXTS), RECORDED["prompt"], atol=1e-5)
    assert again.settings.prompts == written["prompts"]


def test_a_call_names_one_of_several_prompts(tmp_path):
    folder = make_folder(tmp_path / "folder", flags("mean"))
    content = {"prompts": {"query": PROMPT, "passage": "a "}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(content), encoding="utf-8")
    model = SentenceEncoder.from_pretrained(folder)
    np.testing.assert_allclose(model.encode(TEXTS, prompt_name="query"), RECORDED["prompt"], atol=1e-5)
    np.testing.assert_allclose(model.encode(TEXTS), RECORDED["mean"], atol=1e-5)
    with pytest.raises(ConfigError, match="prompt_name is 'title': the model has query, passage"):
        model.encode(TEXTS, prompt_name="title")
    model.save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    assert {name: written[name] for name in content} == content


def test_a_prompt_that_is_left_out_of_the_mean_is_refused(tmp_path):
    folder = put_prompt(make_folder(tmp_path / "folder", {**flags("mean"), "include_prompt": False}), PROMPT)
    with pytest.raises(
        CheckpointError, match=r"1_Pooling/config.json: include_prompt is false, which is not supported"
    ):
        SentenceEncoder.from_pretrained(folder)
