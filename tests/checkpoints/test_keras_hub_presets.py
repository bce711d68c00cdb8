"""Presets of KerasHub without KerasHub: what is written comes back, and what is damaged or foreign is one line."""

import json
import shutil
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from checkpoints.keras_hub_models import CLASSES, ROWS, Kept, own_model

import kerasbert as kb
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError, KerasBertError


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return Kept(tmp_path_factory)


@pytest.mark.parametrize(("family", "task"), ROWS)
def test_from_hugging_face_and_back_no_bit_changes(own, family, task, tmp_path):
    model, folder = own(family, task)
    convert(folder, tmp_path / "preset", to="keras-hub")
    convert(tmp_path / "preset", tmp_path / "back", to="hf", approximate=task == "fill-mask")
    before, after = open_checkpoint(folder), open_checkpoint(tmp_path / "back")
    assert before.shapes == after.shapes
    assert all(np.array_equal(before.read(name), after.read(name)) for name in before.tensors)
    assert (before.task, before.tokenizer().vocabulary) == (after.task, after.tokenizer().vocabulary)
    again = CLASSES[task].from_pretrained(tmp_path / "preset")
    assert computed(again.config) == computed(model.config)
    assert task != "fill-mask" or again.config.mlm == model.config.mlm
    if task == "text-classification":
        assert again.settings == model.settings


def computed(config):
    """A configuration without dropouts and heads."""
    return replace(config, classifier_dropout=None, mlm_hidden_act=None, mlm_layer_norm_eps=None)


def test_a_head_of_masked_words_with_its_own_constants_is_no_folder_of_transformers(own, tmp_path):
    model, folder = own("bert", "fill-mask")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["mlm_hidden_act"], config["mlm_layer_norm_eps"]) == ("kerasbert", "gelu", 1e-5)
    assert "architectures" not in config
    assert kb.MaskFiller.from_pretrained(folder).config == model.config
    with pytest.raises(ConfigError, match="mlm_hidden_act is 'gelus': use one of gelu"):
        replace(model.config, mlm_hidden_act="gelus")
    with pytest.raises(ConfigError, match="mlm_layer_norm_eps is 0: use a number above 0"):
        replace(model.config, mlm_layer_norm_eps=0)


def test_an_encoder_without_a_pooler_says_so(tmp_path, caplog):
    model = own_model("bert", "fill-mask")
    assert model.encoder.pooler is None
    model.save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "out", to="keras-hub")
    assert "has no pooler; the preset's pooled_output is 0" in caplog.text
    checkpoint = open_checkpoint(tmp_path / "out")
    assert not checkpoint.has("pooler")
    assert checkpoint.skipped["layers/dense/vars/0"] == "zeros: the model has no pooler"


@pytest.mark.parametrize(
    ("family", "task", "changes", "said"),
    [
        ("bert", "encoder", {"hidden_act": "gelu"}, "hidden_act is gelu and gelu_new in KerasHub's Bert; .* 0.1 % "),
        ("roberta", "encoder", {"layer_norm_eps": 1e-6}, "layer_norm_eps is 1e-06 and 1e-05 in KerasHub's Roberta"),
        ("distilbert", "fill-mask", {"mlm_layer_norm_eps": None}, "the epsilon of the head is 1e-12 and 1e-05 in"),
    ],
)
def test_what_keras_hub_computes_slightly_otherwise_is_refused_unless_accepted(family, task, changes, said, tmp_path):
    own_model(family, task, **changes).save_pretrained(tmp_path / "model")
    with pytest.raises(CheckpointError, match=f"config.json: {said}.*use --approximate to accept this"):
        convert(tmp_path / "model", tmp_path / "out", to="keras-hub")
    assert not (tmp_path / "out").exists()
    convert(tmp_path / "model", tmp_path / "out", to="keras-hub", approximate=True)
    assert open_checkpoint(tmp_path / "out").format == "keras-hub"


def test_what_keras_hub_has_no_place_for_is_refused(own, tmp_path):
    encoder, _ = own("bert", "encoder")
    models = {
        "hidden_act is relu and gelu_new in": own_model("bert", "encoder", hidden_act="relu"),
        "layer_norm_eps is 0.001 and 1e-12 in": own_model("bert", "encoder", layer_norm_eps=1e-3),
        "the pooling of its classifier is mean, and KerasHub's reads the first token only": kb.TextClassifier(
            encoder, labels=["a", "b"], pooling="mean"
        ),
        "holds question-answering .BertForQuestionAnswering., and KerasHub has no class": kb.QuestionAnswerer(encoder),
        "holds sentence-embedding.*, and KerasHub has no class": kb.SentenceEncoder(own("roberta", "encoder")[0]),
    }
    for number, (said, model) in enumerate(models.items()):
        model.save_pretrained(tmp_path / f"{number}")
        with pytest.raises(CheckpointError, match=f"{said}.*; write Hugging Face's format instead"):
            convert(tmp_path / f"{number}", tmp_path / "out", to="keras-hub", approximate=True)
        assert not (tmp_path / "out").exists()
    model, folder = own("bert", "fill-mask")
    convert(folder, tmp_path / "preset", to="keras-hub")
    with pytest.raises(CheckpointError, match=r"its head of masked words .* differs from its blocks"):
        convert(tmp_path / "preset", tmp_path / "out", to="hf")


@pytest.fixture
def copy(own, tmp_path):
    """`copy("text-classification")` -> a preset of a BERT that a test may damage."""

    def make(task="encoder"):
        convert(own("bert", task)[1], tmp_path / "copy", to="keras-hub")
        return tmp_path / "copy"

    return make


def edited(path, **changes):
    """Changes a JSON file of a preset; the part `config` of it where it has one."""
    content = json.loads(path.read_text(encoding="utf-8"))
    part = content if changes.keys() & content.keys() else content["config"]
    part.update(changes)
    path.write_text(json.dumps({**content, **({} if part is content else {"config": part})}), encoding="utf-8")


def test_a_preset_of_keras_nlp_is_read(copy):
    """Its classes and attributes have other names, and Keras 2 kept layers under another one."""
    folder = copy("text-classification")
    edited(folder / "config.json", registered_name="keras_nlp>BertBackbone")
    edited(folder / "task.json", registered_name="keras_nlp>BertClassifier", class_name="BertClassifier")
    before = open_checkpoint(folder)
    weights = {name: before.read(name) for name in before.tensors}
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        attention = file["layers/transformer_encoder/_self_attention_layer"]
        attention.move("query_dense", "_query_dense")
        file["layers"].create_dataset("dropout/seed_generator/vars/0", data=np.zeros(2, "uint32"))
        file.move("layers", "_layer_checkpoint_dependencies")
    after = open_checkpoint(folder)
    assert after.task == "text-classification"
    assert after.tensors.keys() == weights.keys()
    assert all(np.array_equal(after.read(name), value) for name, value in weights.items())
    assert "the state of a generator of random numbers" in after.skipped.values()


def cut(folder):
    path = folder / "model.weights.h5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def put(folder, name: str, value) -> None:
    """Puts another value in the place of a dataset."""
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file[name]
        file[name] = value


def other_shape(folder):
    put(folder, "layers/dense/vars/1", np.zeros(5, "float32"))


def other_rank(folder):
    put(folder, "layers/transformer_encoder/_self_attention_layer/query_dense/vars/0", np.float32(1))


def integers(folder):
    put(folder, "layers/dense/vars/1", np.zeros(16, "int8"))


def elsewhere(folder):
    """A dataset whose numbers are those of any file."""
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        outer = [(str(folder / "config.json"), 0, 64)]
        file.create_dataset("layers/dense/vars/1", (16,), "float32", external=outer)


def linked(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        file.move("layers/dense", "elsewhere")
    (folder / "model.weights.h5").rename(folder / "other.h5")
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink("other.h5", "layers")


def endless(folder):
    """A dataset of many numbers, none of which is stored."""
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        file.create_dataset("layers/dense/vars/1", (10**12,), "float32", chunks=(1024,))


def shards_missing(folder):
    (folder / "model.weights.h5").unlink()
    (folder / "model.weights.json").write_text(json.dumps({"weight_map": {"/layers": ["../model_0.weights.h5"]}}))


DAMAGE = {
    "truncated": (cut, "model.weights.h5: not a whole file of weights in HDF5"),
    "empty": (lambda f: (f / "model.weights.h5").write_bytes(b""), "model.weights.h5: not a whole file of weights"),
    "no weights": (lambda f: (f / "model.weights.h5").unlink(), "no model.weights.h5; fetch the whole preset again"),
    "shape": (other_shape, r"of another shape: pooler.dense.bias: \(5,\) in the file, \(16,\) in the model"),
    "rank": (other_rank, r"query_dense/vars/0 is of shape \(\), which no tensor of this name has"),
    "integers": (integers, "layers/dense/vars/1 is of type int8; .*save the model without quantisation"),
    "another file": (elsewhere, "layers/dense/vars/1 has its numbers in another file, which is not opened"),
    "a link": (linked, "model.weights.h5: layers is a link to another place, which is not followed"),
    "endless": (endless, r"layers/dense/vars/1 of shape \(1000000000000,\) has 0 bytes"),
    "shard": (shards_missing, "copy/model_0.weights.h5: no such file, but the folder's index names it"),
    "foreign class": (
        lambda f: edited(f / "config.json", class_name="GPT2Backbone", registered_name="keras_hub>GPT2Backbone"),
        "config.json: holds a keras_hub>GPT2Backbone of Keras; kerasbert reads BertBackbone, ",
    ),
    "another package": (
        lambda f: edited(f / "config.json", registered_name="mine>BertBackbone"),
        "holds a mine>BertBackbone of Keras",
    ),
    "class of a list": (lambda f: edited(f / "config.json", class_name=["Bert"]), "reads BertBackbone"),
    "tokens": (
        lambda f: edited(f / "tokenizer.json", special_tokens={"a": 1}),
        "special_tokens is {'a': 1} in the tokenizer, not a list of tokens",
    ),
    "no config": (lambda f: (f / "config.json").write_text("{}"), "config.json: holds a None of Keras"),
    "no sizes": (
        lambda f: edited(f / "config.json", config={"num_layers": 2}),
        "config.json: has no vocabulary_size, num_heads, ",
    ),
    "layers": (lambda f: edited(f / "config.json", num_layers=10**9), "num_hidden_layers is 1000000000, but the wei"),
    "a word for a size": (lambda f: edited(f / "config.json", hidden_dim="16"), "hidden_size is '16': use a whole"),
    "no assets": (
        lambda f: (f / "assets/tokenizer/vocabulary.txt").unlink(),
        "neither assets/tokenizer/vocabulary.txt nor assets/tokenizer/vocabulary.json; fetch the whole preset",
    ),
    "another vocabulary": (
        lambda f: (f / "assets/tokenizer/vocabulary.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"),
        r"the vocabulary \(5 tokens\) is smaller than the embedding table",
    ),
    "other words": (
        lambda f: edited(f / "tokenizer.json", suffix_indicator="@@"),
        "suffix_indicator is '@@' in the tokenizer; kerasbert supports '##' only",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_preset_is_one_line(copy, name):
    folder = copy()
    damage, said = DAMAGE[name]
    damage(folder)
    with pytest.raises(KerasBertError, match=said) as raised:
        kb.BertEncoder.from_pretrained(folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)


HEADS = {
    "class of a list": ({"class_name": ["Bert"]}, "holds a head that kerasbert does not know"),
    "activation": ({"activation": "tanh"}, "task.json: activation is 'tanh': kerasbert has linear, softmax, sigmoid"),
    "hidden_dim": ({"hidden_dim": 40}, "task.json: hidden_dim is 40; kerasbert's classifier has the width"),
    "class": ({"class_name": "BertRanker"}, r"holds a head that kerasbert does not know \(BertRanker\)"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_kerasbert_has_not_is_one_line(copy, name):
    changes, said = HEADS[name]
    folder = copy("text-classification")
    edited(folder / "task.json", **changes)
    with pytest.raises(KerasBertError, match=said):
        kb.TextClassifier.from_pretrained(folder)


def test_the_activation_of_the_outputs_tells_the_problem(copy):
    folder = copy("text-classification")
    edited(folder / "task.json", activation="sigmoid")
    edited(folder / "metadata.json", kerasbert={})
    model = kb.TextClassifier.from_pretrained(folder)
    assert model.settings.problem_type == "multi_label_classification"
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_weights_that_a_user_saved_beside_a_model_make_no_preset(own, tmp_path):
    _, folder = own("bert", "encoder")
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "model.weights.h5").write_bytes(b"")
    assert open_checkpoint(tmp_path / "model").format == "hf"


def test_what_is_no_model_of_keras_hub_is_refused():
    with pytest.raises(KerasBertError, match="kerasbert reads BertBackbone, RobertaBackbone, DistilBertBackbone"):
        kb.BertEncoder.from_keras_hub(keras.Sequential([keras.layers.Dense(2)]))
