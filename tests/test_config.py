"""BertConfig: what it reads, what it refuses, what it writes."""

import dataclasses
import json
from pathlib import Path

import pytest

from kerasbert.config import SIZES, BertConfig, read_config_json
from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES

FIXTURES = Path(__file__).parent / "parity" / "fixtures"


@pytest.mark.parametrize("size", SIZES)
def test_a_named_size_is_bert_with_64_wide_heads_and_four_times_the_width_inside(size):
    config = BertConfig.from_size(size)
    assert config.hidden_size == 64 * config.num_attention_heads
    assert config.intermediate_size == 4 * config.hidden_size
    assert (config.vocab_size, config.max_length, config.type_vocab_size) == (30522, 512, 2)


def test_a_size_takes_changes_and_an_unknown_one_is_refused():
    assert BertConfig.from_size("tiny", vocab_size=8000).vocab_size == 8000
    with pytest.raises(ConfigError, match="no size 'huge': use one of tiny, mini, small, medium, base, large"):
        BertConfig.from_size("huge")


@pytest.mark.parametrize(
    ("model_type", "length", "offset", "types", "pooler"),
    [("bert", 512, 0, True, True), ("roberta", 512, 2, False, True), ("distilbert", 512, 0, False, False)],
)
def test_a_family_brings_its_own_defaults(model_type, length, offset, types, pooler):
    config = BertConfig.from_size("base", model_type=model_type)
    assert (config.max_length, config.position_offset, config.takes_token_types) == (length, offset, types)
    assert config.family.pooler == pooler


def test_positions_of_roberta_start_behind_its_pad_id():
    assert BertConfig.from_size("tiny", model_type="roberta", pad_token_id=4).position_offset == 5


@pytest.mark.parametrize(
    ("values", "layers", "dropout", "pad"),
    [
        ({"model_type": "bert"}, 12, None, 0),
        ({"model_type": "roberta"}, 12, None, 1),
        ({"model_type": "distilbert"}, 6, 0.2, 0),
        ({"model_type": "electra"}, 12, None, 0),
        ({"model_type": "distilbert", "n_layers": 3, "seq_classif_dropout": None}, 3, 0.2, 0),
    ],
)
def test_what_a_config_leaves_out_is_what_transformers_takes(values, layers, dropout, pad):
    config = BertConfig.from_dict(values)
    assert (config.num_hidden_layers, config.classifier_dropout, config.pad_token_id) == (layers, dropout, pad)


@pytest.mark.parametrize("model_type", FAMILIES)
@pytest.mark.parametrize(
    "changes", [{}, {"sinusoidal_pos_embds": True}, {"classifier_dropout": 0.3}, {"pad_token_id": 3}]
)
def test_what_is_written_is_read_again(model_type, changes):
    if changes.keys() & FAMILIES[model_type].fixed:
        return  # there is nothing to write
    config = BertConfig.from_size("tiny", model_type=model_type, **changes)
    assert BertConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_classifier_dropout_of_distilbert_means_the_same_when_written():
    config = BertConfig.from_size("tiny", model_type="distilbert", classifier_dropout=None, hidden_dropout_prob=0.4)
    assert BertConfig.from_dict(config.to_dict()).classifier_dropout == 0.4


def test_distilbert_has_no_segments_and_other_numbers_are_refused():
    assert BertConfig(model_type="distilbert").type_vocab_size == 0
    with pytest.raises(ConfigError, match="type_vocab_size is 3: distilbert has 0 only"):
        BertConfig(model_type="distilbert", type_vocab_size=3)


@pytest.mark.parametrize(
    "name", ["bert", "bert_classifier", "roberta", "distilbert_mlm", "distilbert_classifier", "electra"]
)
def test_every_key_that_transformers_writes_is_known(name):
    BertConfig.read(FIXTURES / name)  # an unknown key warns, and warnings are errors here


def test_tables_may_be_narrow_in_electra_only():
    narrow = BertConfig.from_dict({"model_type": "electra"})
    assert (narrow.embedding_size, narrow.table_size, narrow.hidden_size) == (128, 128, 256)
    wide = BertConfig(model_type="electra", hidden_size=24, num_attention_heads=2)
    assert (wide.embedding_size, wide.to_dict()["embedding_size"]) == (24, 24)
    assert "embedding_size" not in BertConfig().to_dict()
    with pytest.raises(ConfigError, match="embedding_size is 64: bert has None only"):
        BertConfig(embedding_size=64)
    with pytest.raises(ConfigError, match="embedding_size is 0: use a whole number of at least 1"):
        BertConfig(model_type="electra", embedding_size=0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_hidden_layers": 6}, "num_hidden_layers is 6: kerasbert supports 0 only"),
        ({"type_vocab_size": 2}, "type_vocab_size is 2: kerasbert supports 0 only"),
        ({"embedding_size": 64}, "embedding_size is 64: kerasbert supports None only"),
        ({"norm_first": True}, "norm_first is True: kerasbert supports False only"),
        ({"hidden_size": 0}, "hidden_size is 0"),
    ],
)
def test_a_static_encoder_has_a_table_and_nothing_else(values, said):
    folder = {"model_type": "kerasbert", "kerasbert": {"model_type": "static"}, "hidden_size": 7}
    config = BertConfig.from_dict(folder)
    assert (config.hidden_size, config.num_hidden_layers, config.takes_token_types) == (7, 0, False)
    assert not {"num_hidden_layers", "num_attention_heads", "intermediate_size"} & config.to_dict().keys()
    with pytest.raises(ConfigError, match=said):
        BertConfig.from_dict({**folder, **values})


def test_every_number_of_a_distilbert_config_arrives():
    values = {
        "model_type": "distilbert",
        "dim": 24,
        "n_layers": 3,
        "n_heads": 4,
        "hidden_dim": 50,
        "activation": "relu",
    }
    values |= {"dropout": 0.2, "attention_dropout": 0.3, "seq_classif_dropout": 0.4, "vocab_size": 99}
    assert BertConfig.from_dict(values) == BertConfig(
        model_type="distilbert",
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=50,
        hidden_act="relu",
        hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.3,
        classifier_dropout=0.4,
        vocab_size=99,
    )


def test_unknown_keys_are_named_in_one_warning():
    with pytest.warns(UserWarning, match="does not know: embedding_size, rotary") as warned:
        BertConfig.from_dict({"model_type": "bert", "rotary": True, "embedding_size": 64})
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("position_embedding_type", "relative_key", "'absolute'"),
        ("is_decoder", True, "False"),
        ("add_cross_attention", True, "False"),
        ("pruned_heads", {"0": [1]}, "{}"),
    ],
)
def test_a_key_that_would_change_the_answer_is_refused(key, value, wanted):
    with pytest.raises(ConfigError, match=f"{key} is .*: kerasbert supports {wanted} only"):
        BertConfig.from_dict({"model_type": "bert", key: value})
    assert BertConfig.from_dict({"model_type": "bert", key: None}) == BertConfig()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "config.json has no model_type: add one of bert, roberta, distilbert"),
        ({"model_type": "gpt2"}, "model_type is 'gpt2': kerasbert reads bert, roberta, distilbert"),
        ({"model_type": ["bert"]}, "kerasbert reads bert"),
    ],
)
def test_a_family_that_is_missing_or_unknown_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        BertConfig.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"hidden_size": 100, "num_attention_heads": 12},
            "hidden_size 100 is not a multiple of num_attention_heads 12",
        ),
        ({"hidden_size": 0}, "hidden_size is 0: use a whole number of at least 1"),
        ({"num_hidden_layers": 1.5}, "num_hidden_layers is 1.5: use a whole number"),
        ({"vocab_size": "many"}, "vocab_size is 'many': use a whole number"),
        ({"vocab_size": True}, "vocab_size is True: use a whole number"),
        ({"type_vocab_size": -1}, "type_vocab_size is -1: use a whole number of at least 0"),
        ({"pad_token_id": 30522}, "pad_token_id 30522 is not one of the 30522 words"),
        ({"model_type": "roberta", "pad_token_id": 1, "max_position_embeddings": 2}, "whole number of at least 3"),
        ({"hidden_act": "mish"}, "hidden_act is 'mish': use one of gelu, "),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob is 1.0: use a number of at least 0 and below 1"),
        ({"attention_probs_dropout_prob": "0.1"}, "attention_probs_dropout_prob is '0.1'"),
        ({"classifier_dropout": -0.1}, "classifier_dropout is -0.1"),
        ({"layer_norm_eps": 0}, "layer_norm_eps is 0: use a number above 0"),
        ({"initializer_range": "small"}, "initializer_range is 'small': use a number above 0"),
        ({"layer_norm_eps": float("inf")}, "layer_norm_eps is inf: use a number above 0"),
        ({"initializer_range": float("nan")}, "initializer_range is nan: use a number above 0"),
        ({"layer_norm_eps": 10**400}, "layer_norm_eps is 1000"),
    ],
)
def test_a_number_that_no_encoder_can_have_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        BertConfig(**changes)


def test_a_config_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BertConfig().hidden_size = 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file; a model folder holds config.json"),
        ("{", "cannot be read as JSON"),
        ("[1]", "holds a JSON list"),
    ],
)
def test_a_config_json_that_cannot_be_used_is_named(tmp_path, text, said):
    if text is not None:
        (tmp_path / "config.json").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=f"config.json: {said}"):
        read_config_json(tmp_path)
