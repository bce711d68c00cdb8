"""Presets of KerasHub: read, written, and computed as KerasHub itself does."""

import json
import warnings

import h5py
import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import small_encoder, tokenizer_of

import kerasbert as kb
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.config import FAMILIES, BertConfig
from kerasbert.errors import CheckpointError

TEXTS = ["the film was good", "Café é 这家电影 was awful, day!", "a 🎬 one two", "naïve ÀÉÜ déjà-vu"]
TASKS = {"encoder": "Backbone", "text-classification": "TextClassifier", "fill-mask": "MaskedLM"}
SAID = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
ROWS = [(family, task) for family in SAID for task in TASKS]
SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24, "max_sequence_length": 32}


@pytest.fixture(scope="module")
def hub():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras_hub", reason="needs pip install kerasbert[keras-hub]").models


def shaken(model):
    """The model with other numbers in every weight, so that none may be left out."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(weight.numpy() + random.normal(scale=0.3, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def made(hub):
    """`made(family, task)` -> a random model of KerasHub."""
    models = {}

    def make(family, task):
        if family not in models:
            tokenizer = hub_tokenizer(hub, family)
            backbone = getattr(hub, f"{SAID[family]}Backbone")(vocabulary_size=tokenizer.vocabulary_size(), **SIZES)
            models[family] = {"encoder": shaken(backbone)}
            for name, more in (("text-classification", {"num_classes": 3}), ("fill-mask", {})):
                preprocessor = getattr(hub, f"{SAID[family]}{TASKS[name]}Preprocessor")(tokenizer, sequence_length=20)
                cls = getattr(hub, f"{SAID[family]}{TASKS[name]}")
                models[family][name] = cls(backbone, preprocessor=preprocessor, **more)
                shaken(keras.Model(models[family][name].input, models[family][name].output))
        return models[family][task]

    return make


def hub_tokenizer(hub, family):
    ours = tokenizer_of(family, small_vocabulary())
    if family != "roberta":
        return getattr(hub, f"{SAID[family]}Tokenizer")(ours.vocabulary, lowercase=True)
    return hub.RobertaTokenizer({token: row for row, token in enumerate(ours.vocabulary)}, ours.merges)


@pytest.fixture(scope="module")
def preset(made, tmp_path_factory):
    """`preset(family, task)` -> the folder that KerasHub wrote."""
    folders = {}

    def folder(family, task):
        if (family, task) not in folders:
            folders[family, task] = tmp_path_factory.mktemp("preset") / "preset"
            made(family, task).save_to_preset(str(folders[family, task]))
            if task == "encoder":
                made(family, "fill-mask").preprocessor.tokenizer.save_to_preset(str(folders[family, task]))
        return folders[family, task]

    return folder


CLASSES = {"encoder": kb.BertEncoder, "text-classification": kb.TextClassifier, "fill-mask": kb.MaskFiller}


def batch(vocabulary, positions=False):
    """Ids, segments, mask and positions of masks: rows with padding."""
    random = np.random.default_rng(0)
    ids = random.integers(5, vocabulary, (3, 10)).astype("int32")
    mask = (np.arange(10) < np.array([[10], [7], [4]])).astype("int32")
    types = ((np.arange(10) > 3) * mask).astype("int32")
    return ids, types, mask, np.array([[1, 2], [0, 6], [3, 1]], "int32")


def ours(model, numbers):
    """The outputs of a model of kerasbert, without those of padding."""
    ids, types, mask, positions = numbers
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "mlm_positions": positions}
    found = model({name: inputs[name] for name in model.input}, training=False)
    return [np.asarray(found[name]) for name in found], mask


def theirs(model, numbers):
    ids, types, mask, positions = numbers
    inputs = {"token_ids": ids, "segment_ids": types, "padding_mask": mask, "mask_positions": positions}
    found = model({name: inputs[name] for name in model.input}, training=False)
    return [np.asarray(each) for each in keras.tree.flatten(found)]


def check_equal(mine, other, numbers):
    """Both models give the same outputs for every token that is not padding."""
    found, mask = ours(mine, numbers)
    wanted = theirs(other, numbers)
    found, wanted = (sorted(each, key=lambda x: (x.ndim, x.shape)) for each in (found, wanted))
    assert [x.shape for x in found] == [x.shape for x in wanted]
    for a, b in zip(found, wanted, strict=True):
        if a.shape[:2] == mask.shape:
            a, b = a[mask == 1], b[mask == 1]
        assert np.abs(a).max() > 0.1
        assert np.abs(a - b).max() < 1e-5 * max(1, np.abs(b).max())


@pytest.mark.parametrize(("family", "task"), ROWS)
def test_a_preset_answers_as_keras_hub_does(made, preset, family, task):
    model = CLASSES[task].from_pretrained(preset(family, task))
    numbers = batch(model.config.vocab_size)
    check_equal(model, made(family, task), numbers)


@pytest.mark.parametrize(("family", "task"), ROWS)
def test_a_model_in_memory_is_read_as_its_preset(made, preset, family, task):
    tokenizer = made(family, "fill-mask").preprocessor
    model = CLASSES[task].from_keras_hub(made(family, task), tokenizer)
    read = CLASSES[task].from_pretrained(preset(family, task))
    assert model.config == read.config
    for a, b in zip(model.weights, read.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    if task != "encoder":
        assert model.settings == read.settings
    assert model.tokenizer.vocabulary == read.tokenizer.vocabulary


@pytest.mark.parametrize(("family", "task"), ROWS)
def test_keras_hub_opens_what_was_read_and_written(hub, made, preset, family, task, tmp_path):
    folder = tmp_path / "out"
    convert(preset(family, task), folder, to="keras-hub")
    opened = getattr(hub, f"{SAID[family]}{TASKS[task]}").from_preset(str(folder))
    for a, b in zip(opened.weights, made(family, task).weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    before, after = (datasets(path) for path in (preset(family, task), folder))
    assert {name: value for name, value in after.items() if name in before}.keys() == before.keys()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def datasets(folder):
    """The weights in a preset's files, without the optimizer's."""
    found = {}
    for path in folder.glob("*.weights.h5"):
        with h5py.File(path) as file:
            file.visititems(
                lambda name, each: found.update({f"{path.name}/{name}": each[()]}) if hasattr(each, "shape") else None
            )
    return {name: value for name, value in found.items() if "optimizer" not in name}
