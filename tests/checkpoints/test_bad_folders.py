"""Folders of other formats and of sizes that no memory holds: refused at once, in one line."""

import json
import os
import re
import time

import pytest
from checkpoints.head_classes import make_folder
from safetensors.numpy import load_file, save_file

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError, KerasBertError
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.opening import open_model


@pytest.fixture
def folder(tmp_path, tiny_bert):
    """`folder(hidden_size=...)` -> a copy of the tiny BERT with other values in its config.json."""

    def make(**changes):
        place = tmp_path / "model"
        place.mkdir()
        for path in tiny_bert.iterdir():
            os.link(path, place / path.name)
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        (place / "config.json").unlink()
        (place / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
        return place

    return make


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, but the weights have 2"),
        (
            {"hidden_size": 10**15, "num_attention_heads": 10},
            "hidden_size is 1000000000000000, but the weights have 32",
        ),
        ({"intermediate_size": 10**12}, "intermediate_size is 1000000000000, but the weights have 64"),
        ({"max_position_embeddings": 10**12}, "max_position_embeddings is 1000000000000, but the weights have 64"),
        ({"type_vocab_size": 10**12}, "type_vocab_size is 1000000000000, but the weights have 2"),
        ({"vocab_size": 10**12}, "vocab_size is 1000000000000, but the weights have "),
    ],
)
def test_sizes_are_compared_with_the_tensors_before_a_model_is_built(folder, changes, said):
    began = time.monotonic()
    with pytest.raises(ConfigError) as raised:
        BertEncoder.from_pretrained(folder(**changes))
    assert said in str(raised.value)
    assert "config.json: " in str(raised.value)
    assert time.monotonic() - began < 5  # building would not end


def test_a_folder_of_google_without_its_checkpoint_is_named(tmp_path):
    (tmp_path / "bert_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds bert_config.json but no checkpoint of TensorFlow"):
        open_checkpoint(tmp_path)


def test_an_adapter_without_its_model_is_named(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="an adapter of peft"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "held"),
    [("BertModel", r"an encoder \(BertModel\)"), ("RobertaForCausalLM", r"text-generation \(RobertaForCausalLM\)")],
)
def test_a_folder_that_answers_nothing_says_what_it_is_good_for(name, held, tmp_path, run):
    folder = make_folder(tmp_path / "model", name)
    said = (
        f"model: holds {held}, which kerasbert cannot answer with yet; fine-tune it first, or name a task for its "
        r"encoder: sentence-embedding \(one vector per text\) or feature-extraction \(one vector per token\)"
    )
    with pytest.raises(CheckpointError, match=said):
        open_model(folder)
    for command in (("predict", folder, "a text"), ("export", folder, "--out", tmp_path / "out")):
        done = run(*command)
        assert (done.exit_code, re.search(said, done.output) is None, done.output.count("\n")) == (1, False, 1)
    assert not (tmp_path / "out").exists()
    assert open_model(folder, task="feature-extraction").task.name == "feature-extraction"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocab.txt", "tokenizer_config.json"])
def test_a_pipe_in_a_folder_is_not_waited_for(folder, name):
    place = folder()
    (place / name).unlink(missing_ok=True)
    os.mkfifo(place / name)
    with pytest.raises(KerasBertError, match=f"{name}: is a pipe or a device"):
        open_checkpoint(place).tokenizer()


def test_a_shard_that_is_a_pipe_is_not_waited_for(folder):
    place = folder()
    (place / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-1.safetensors"}}
    (place / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    os.mkfifo(place / "model-1.safetensors")
    with pytest.raises(CheckpointError, match=r"model-1.safetensors: is not a regular file"):
        open_checkpoint(place)


def test_numbered_shards_are_read_without_their_index(folder):
    place = folder()
    tensors = load_file(place / "model.safetensors")
    names = sorted(tensors)
    (place / "model.safetensors").unlink()
    for number, part in enumerate((names[:9], names[9:]), 1):
        save_file({name: tensors[name] for name in part}, place / f"model-{number:05d}-of-00002.safetensors")
    assert open_checkpoint(place).shapes.keys() == tensors.keys()
    (place / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no index, .* \(model-00001-of-00002.safetensors is missing\)"):
        open_checkpoint(place)


@pytest.mark.parametrize("value", ["yes", 3, ["text-classification"], {"task": 3}])
def test_a_section_that_is_no_section_is_named(folder, value):
    with pytest.raises(ConfigError, match=r"config.json: kerasbert is .*: use"):
        _ = open_checkpoint(folder(kerasbert=value)).task
