"""Checkpoints of TensorFlow's Model Garden: the same model as google-research/bert's, under other names and shapes."""

import logging

import numpy as np
import pytest
from checkpoints import tf_files
from checkpoints.tf_files import PRETRAINING, transformers_name

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError

# The ordered replacements of its converters. Source: tensorflow/models, official/nlp/tools/
# tf1_bert_checkpoint_converter_lib.py, BERT_V2_NAME_REPLACEMENTS and BERT_NAME_REPLACEMENTS.
BLOCK = (
    ("attention/self", "self_attention"),
    ("attention/output/LayerNorm", "self_attention_layer_norm"),
    ("intermediate/dense", "intermediate"),
)
ENDS = (("output/dense", "output"), ("output/LayerNorm", "output_layer_norm"), ("pooler/dense", "pooler_transform"))
V2 = (
    ("bert/", ""),
    ("encoder", "transformer"),
    ("embeddings/word_embeddings", "word_embeddings/embeddings"),
    ("embeddings/position_embeddings", "position_embedding/embeddings"),
    ("embeddings/token_type_embeddings", "type_embeddings/embeddings"),
    ("embeddings/LayerNorm", "embeddings/layer_norm"),
    ("attention/output/dense", "self_attention/attention_output"),
    *BLOCK,
    *ENDS,
    ("cls/predictions", "bert/cls/predictions"),
    ("cls/predictions/output_bias", "cls/predictions/output_bias/bias"),
    ("cls/seq_relationship/output_bias", "predictions/transform/logits/bias"),
    ("cls/seq_relationship/output_weights", "predictions/transform/logits/kernel"),
)
OLD = (
    ("bert", "bert_model"),
    ("embeddings/word_embeddings", "word_embeddings/embeddings"),
    ("embeddings/token_type_embeddings", "embedding_postprocessor/type_embeddings"),
    ("embeddings/position_embeddings", "embedding_postprocessor/position_embeddings"),
    ("embeddings/LayerNorm", "embedding_postprocessor/layer_norm"),
    ("attention/output/dense", "self_attention_output"),
    *BLOCK,
    *ENDS,
)
PARAMETERS = """
task:
  model:
    encoder:
      type: bert
      bert: {attention_dropout_rate: 0.1, dropout_rate: 0.2, embedding_size: null, hidden_activation: gelu,
             hidden_size: 32, initializer_range: 0.02, intermediate_size: 64, max_position_embeddings: 64,
             norm_first: false, num_attention_heads: 4, num_layers: 2, type_vocab_size: 2, vocab_size: 105}
"""

LAUGHS = "k0: &k0 [a, a]\n" + "".join(f"k{i}: &k{i} {{<<: [*k{i - 1}, *k{i - 1}]}}\n" for i in range(1, 30))
"""Written out, its last line would have 2^30 letters."""


def in_heads(name: str, value: np.ndarray) -> np.ndarray:
    """A variable of google-research/bert in the shape that the Model Garden gives it."""
    if "/attention/self/" in name:
        return value.reshape(*value.shape[:-1], 4, 8)
    return value.reshape(4, 8, 32) if name.endswith("attention/output/dense/kernel") else value


def garden(weights: dict[str, np.ndarray], replacements) -> dict[str, np.ndarray]:
    """Variables of google-research/bert under the names and in the shapes of the Model Garden."""
    renamed = {}
    for name, value in weights.items():
        value = value.T if name.endswith("seq_relationship/output_weights") and replacements is V2 else value
        value = in_heads(name, value)
        for old, new in replacements:
            name = name.replace(old, new)
        renamed[name] = value
    return renamed


def check_equal(checkpoint, weights) -> None:
    assert len(checkpoint.tensors) == len(weights)
    for name, value in weights.items():
        place, transposed = transformers_name(name)
        assert np.array_equal(checkpoint.read(place), value.T if transposed else value), name
    checkpoint.check_whole()


@pytest.mark.parametrize("replacements", [V2, OLD], ids=["V2", "2019"])
def test_names_of_variables(replacements, tmp_path):
    weights = tf_files.tensors(PRETRAINING)
    checkpoint = open_checkpoint(tf_files.save(tmp_path, garden(weights, replacements)))
    assert (checkpoint.task, checkpoint.format) == ("pre-training", "model-garden")
    check_equal(checkpoint, weights)


# Attributes of the objects (official/nlp/modeling: networks/bert_encoder.py, layers/transformer_encoder_block.py,
# models/bert_pretrainer.py) -> the variables.
BODY = {
    "_embedding_layer/embeddings": "embeddings/word_embeddings",
    "_position_embedding_layer/embeddings": "embeddings/position_embeddings",
    "_type_embedding_layer/embeddings": "embeddings/token_type_embeddings",
    "_embedding_norm_layer": "embeddings/LayerNorm",
    **{
        f"_transformer_layers/{i}/{attribute}": f"encoder/layer_{i}/{name}"
        for i in range(2)
        for attribute, name in (
            ("_attention_layer/_query_dense", "attention/self/query"),
            ("_attention_layer/_key_dense", "attention/self/key"),
            ("_attention_layer/_value_dense", "attention/self/value"),
            ("_attention_layer/_output_dense", "attention/output/dense"),
            ("_attention_layer_norm", "attention/output/LayerNorm"),
            ("_intermediate_dense", "intermediate/dense"),
            ("_output_dense", "output/dense"),
            ("_output_layer_norm", "output/LayerNorm"),
        )
    },
    "_pooler_layer": "pooler/dense",
}
MASKED_LM = {
    "masked_lm/dense": "cls/predictions/transform/dense",
    "masked_lm/layer_norm": "cls/predictions/transform/LayerNorm",
    "masked_lm/bias": "cls/predictions/output_bias",
}
NUMBERED = {
    "_embedding_layer": "layer_with_weights-0",
    "_position_embedding_layer": "layer_with_weights-1",
    "_type_embedding_layer": "layer_with_weights-2",
    "_embedding_norm_layer": "layer_with_weights-3",
    "_transformer_layers/0": "layer_with_weights-4",
    "_transformer_layers/1": "layer_with_weights-5",
    "_pooler_layer": "layer_with_weights-6",
}


def save_objects(folder, weights: dict, paths: dict[str, str], *, named: bool) -> None:
    """Saves variables as attributes of objects.

    Args:
        paths: path of attributes to a layer or a variable -> google-research/bert's name.
        named: whether the variables have the Model Garden's names; otherwise only the attributes tell.
    """
    import tensorflow as tf

    root, variables = tf.train.Checkpoint(), {}
    for path, begin in paths.items():
        for name in (name for name in weights if name == begin or name.startswith(f"{begin}/")):
            (own,) = garden({name: weights[name]}, V2)
            value = tf.Variable(in_heads(name, weights[name]), name=own if named else "v")
            *parents, last = f"{path}{name.removeprefix(begin)}".split("/")
            place = root
            for parent in parents:
                if not hasattr(place, parent):
                    setattr(place, parent, tf.Module(name="m"))
                place = getattr(place, parent)
            setattr(place, last, value)
            variables[name] = value
    if "cls/predictions/output_bias" in variables:  # tied: it is saved once, by its shortest path
        root.masked_lm.embedding_table = variables["bert/embeddings/word_embeddings"]
    root.save(str(folder / "bert_model.ckpt"))


@pytest.mark.parametrize("named", [True, False], ids=["own names", "attributes"])
def test_names_of_objects(named, tmp_path):
    weights = {name: x for name, x in tf_files.tensors(PRETRAINING).items() if "seq_relationship" not in name}
    tf_files.save(tmp_path, {"x": np.ones(1, "float32")}, name="other")
    (tmp_path / "other.index").unlink()
    paths = {f"encoder/{path}": f"bert/{name}" for path, name in BODY.items()} | MASKED_LM
    save_objects(tmp_path, weights, paths, named=named)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.task == "fill-mask"
    check_equal(checkpoint, weights)
    assert checkpoint.tensors["embeddings.word_embeddings.weight"].name.startswith("masked_lm/embedding_table/")
    assert checkpoint.skipped["save_counter/.ATTRIBUTES/VARIABLE_VALUE"] == "the state of a training run"


def test_layers_that_are_numbered(tmp_path):
    weights = tf_files.tensors("")
    paths = {}
    for path, name in BODY.items():
        begin = next(begin for begin in NUMBERED if path == begin or path.startswith(f"{begin}/"))
        paths[f"model/{NUMBERED[begin]}{path.removeprefix(begin)}"] = f"bert/{name}"
    save_objects(tmp_path, weights, paths, named=False)
    (tmp_path / "params.yaml").write_text(PARAMETERS, encoding="utf-8")
    check_equal(open_checkpoint(tmp_path), weights)


def test_an_experiment_tells_the_sizes(tmp_path):
    folder = tf_files.save(tmp_path, garden(tf_files.tensors(""), V2), config=None)
    (folder / "params.yaml").write_text(PARAMETERS, encoding="utf-8")
    config = open_checkpoint(folder).config
    assert (config.num_attention_heads, config.num_hidden_layers, config.hidden_dropout_prob) == (4, 2, 0.2)


def test_without_a_file_the_shapes_tell_the_sizes_and_a_warning_says_so(tmp_path, caplog):
    folder = tf_files.save(tmp_path, garden(tf_files.tensors(""), V2), config=None)
    with caplog.at_level(logging.WARNING, "kerasbert"):
        config = open_checkpoint(folder).config
    assert "sizes are those of the tensors, and hidden_act gelu" in caplog.text
    assert {name: getattr(config, name) for name in tf_files.CONFIG} == tf_files.CONFIG


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "cannot be read as YAML"),
        ("[" * 10_000, r"cannot be read as YAML \(nested too deeply"),
        ("task: {model: {encoder: {albert: {}}}}", "describes no encoder of the type bert"),
        (PARAMETERS.replace("norm_first: false", "norm_first: true"), "norm_first is 'true'"),
        (PARAMETERS.replace("num_layers: 2", "num_layers: two"), "describes no encoder .* 'two'"),
        (LAUGHS, r"describes no encoder of the type bert \(KeyError"),
    ],
)
def test_an_experiment_that_cannot_be_used_is_named(text, said, tmp_path):
    folder = tf_files.save(tmp_path, garden(tf_files.tensors("", layers=1), V2), config=None)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"params.yaml: {said}"):
        open_checkpoint(folder)


def test_one_weight_under_two_names_is_an_error(tmp_path):
    weights = tf_files.tensors("")
    both = {**weights, **garden({"bert/pooler/dense/bias": weights["bert/pooler/dense/bias"]}, V2)}
    with pytest.raises(CheckpointError, match=r"pooler_transform/bias and bert/pooler/dense/bias are one weight"):
        open_checkpoint(tf_files.save(tmp_path, both))
