"""Presets of KerasHub: read, written, and computed as KerasHub itself does."""

import json
import warnings
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import tokenizer_of

import kerasbert as kb
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.config import BertConfig
from kerasbert.errors import CheckpointError, KerasBertError

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
    return [np.asarray(each) for each in keras.tree.flatten(found)], mask


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
def test_a_preset_that_was_read_is_written_again_bit_for_bit(hub, made, preset, family, task, tmp_path):
    convert(preset(family, task), tmp_path / "out", to="keras-hub")
    opened = getattr(hub, f"{SAID[family]}{TASKS[task]}").from_preset(str(tmp_path / "out"))
    for a, b in zip(opened.weights, made(family, task).weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    before, after = datasets(preset(family, task)), datasets(tmp_path / "out")
    assert before.keys() <= after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before if "optimizer" not in name)


def datasets(folder) -> dict:
    """The numbers in a preset's files by file and name."""
    found = {}
    for path in folder.glob("*.weights.h5"):
        with h5py.File(path) as file:
            file.visititems(
                lambda name, each, path=path: found.update(
                    {f"{path.name}/{name}": each[()]} if isinstance(each, h5py.Dataset) else {}
                )
            )
    return found


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """`own(family, task)` -> a random model of kerasbert that KerasHub can compute exactly, and its folder."""
    models = {}

    def make(family, task):
        if (family, task) not in models:
            models[family, task] = own_model(family, task), tmp_path_factory.mktemp("own") / "model"
            models[family, task][0].save_pretrained(models[family, task][1])
        return models[family, task]

    return make


def own_model(family, task, **changes):
    tokenizer = tokenizer_of(family, small_vocabulary())
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    exact = {
        "bert": {"hidden_act": "gelu_new", "mlm_hidden_act": "gelu", "mlm_layer_norm_eps": 1e-5},
        "roberta": {"layer_norm_eps": 1e-5, "pad_token_id": 1, "type_vocab_size": 1},
        "distilbert": {"mlm_layer_norm_eps": 1e-5},
    }[family]
    config = BertConfig(
        **{"model_type": family, "vocab_size": tokenizer.vocab_size, "max_position_embeddings": 34, **sizes}
        | {**exact, **changes}
    )
    pooler = family == "bert" and task != "fill-mask"
    encoder = kb.BertEncoder(config, tokenizer=tokenizer, pooler=pooler)
    options = {"labels": ["red", "green", "blue"], "max_length": 20} if task == "text-classification" else {}
    return shaken(encoder if task == "encoder" else CLASSES[task](encoder, **options))


@pytest.mark.parametrize(("family", "task"), ROWS)
def test_keras_hub_opens_a_preset_of_ours(hub, own, family, task, tmp_path):
    model, folder = own(family, task)
    convert(folder, tmp_path / "out", to="keras-hub")
    opened = getattr(hub, f"{SAID[family]}{TASKS[task]}").from_preset(str(tmp_path / "out"))
    numbers = batch(model.config.vocab_size)
    check_equal(model, opened, numbers)
    if task == "text-classification":
        assert opened.preprocessor.sequence_length == 20
        assert opened(opened.preprocessor(TEXTS), training=False).shape == (4, 3)
    if task == "fill-mask":
        assert opened.preprocessor(TEXTS)[0]["token_ids"].shape == (4, model.config.max_length)


@pytest.mark.parametrize("family", SAID)
def test_tokenizers_give_the_same_ids_both_ways(hub, made, preset, own, family, tmp_path):
    theirs = made(family, "fill-mask").preprocessor.tokenizer
    for ours in (
        open_checkpoint(preset(family, "encoder")).tokenizer(),
        kb.BertEncoder.from_keras_hub(made(family, "encoder"), theirs).tokenizer,
    ):
        assert ours.piece_ids(TEXTS) == [np.asarray(theirs(text)).tolist() for text in TEXTS]
    ours, folder = own(family, "encoder")
    convert(folder, tmp_path / "out", to="keras-hub")
    theirs = getattr(hub, f"{SAID[family]}Tokenizer").from_preset(str(tmp_path / "out"))
    ids = ours.tokenizer.piece_ids([*TEXTS, "good [MASK] day"])
    assert ids == [np.asarray(theirs(text)).tolist() for text in (*TEXTS, "good [MASK] day")]
    assert len({row for text in ids for row in text}) > 20


def test_a_sentence_encoder_becomes_a_text_embedder(hub, own, tmp_path):
    encoder, _ = own("bert", "encoder")
    model = kb.SentenceEncoder(encoder, pooling="max", max_length=16)
    model.save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "preset", to="keras-hub")
    opened = hub.BertTextEmbedder.from_preset(str(tmp_path / "preset"))
    assert opened.preprocessor.sequence_length == 16
    again = kb.SentenceEncoder.from_pretrained(tmp_path / "preset")
    assert again.settings == model.settings
    ids, types, mask, _ = batch(model.config.vocab_size)
    wanted = opened({"token_ids": ids, "segment_ids": types, "padding_mask": mask}, training=False)
    found = again({"input_ids": ids, "token_type_ids": types, "attention_mask": mask}, training=False)
    assert np.abs(np.asarray(wanted) - np.asarray(keras.tree.flatten(found)[0])).max() < 1e-5


def test_shards_and_bfloat16_are_read(hub, made, preset, tmp_path):
    made("bert", "encoder").save_to_preset(str(tmp_path / "shards"), max_shard_size=2e-5)
    assert len(list((tmp_path / "shards").glob("model_*.weights.h5"))) > 1
    whole, shards = open_checkpoint(preset("bert", "encoder")), open_checkpoint(tmp_path / "shards")
    assert whole.shapes == shards.shapes
    assert all(np.array_equal(whole.read(name), shards.read(name)) for name in whole.shapes)
    half = hub.BertBackbone(vocabulary_size=30, **SIZES, dtype="bfloat16")
    half.save_to_preset(str(tmp_path / "half"))
    checkpoint = open_checkpoint(tmp_path / "half")
    words = checkpoint.tensors["embeddings.word_embeddings.weight"]
    assert words.dtype == "bfloat16"
    assert np.array_equal(words.read(), half.token_embedding.embeddings.numpy().astype("float32"))


# What follows needs h5py alone.


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
        "its classifier reads the mean of all tokens": kb.TextClassifier(encoder, labels=["a", "b"], pooling="mean"),
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
    with pytest.raises(CheckpointError, match=r"its head of masked words .* computes otherwise than its blocks"):
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


def other_shape(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(5, "float32")


def other_rank(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/transformer_encoder/_self_attention_layer/query_dense/vars/0"]
        file["layers/transformer_encoder/_self_attention_layer/query_dense/vars/0"] = np.float32(1)


def integers(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(16, "int8")


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
    "truncated": (cut, "model.weights.h5: not a whole file of HDF5"),
    "empty": (lambda f: (f / "model.weights.h5").write_bytes(b""), "model.weights.h5: not a whole file of HDF5"),
    "no weights": (lambda f: (f / "model.weights.h5").unlink(), "no model.weights.h5; fetch the whole preset again"),
    "shape": (other_shape, r"of another shape: pooler.dense.bias: \(5,\) in the file, \(16,\) in the model"),
    "rank": (other_rank, r"query_dense/vars/0 is of shape \(\), which no tensor of this name has"),
    "integers": (integers, "layers/dense/vars/1 is of type int8; .*save the model without quantisation"),
    "another file": (elsewhere, "layers/dense/vars/1 is not stored as Keras stores weights"),
    "a link": (linked, "config.json: vocab_size is [0-9]+, but the weights have 0; "),
    "endless": (endless, r"layers/dense/vars/1 of shape \(1000000000000,\) has no numbers"),
    "shard": (shards_missing, "copy/model_0.weights.h5: no such file, but the folder's index names it"),
    "foreign class": (
        lambda f: edited(f / "config.json", class_name="GPT2Backbone", registered_name="keras_hub>GPT2Backbone"),
        "config.json: holds a keras_hub>GPT2Backbone of Keras; kerasbert reads BertBackbone, ",
    ),
    "another package": (
        lambda f: edited(f / "config.json", registered_name="mine>BertBackbone"),
        "holds a mine>BertBackbone of Keras",
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


def test_what_is_no_model_of_keras_hub_is_refused():
    with pytest.raises(KerasBertError, match="kerasbert reads BertBackbone, RobertaBackbone, DistilBertBackbone"):
        kb.BertEncoder.from_keras_hub(keras.Sequential([keras.layers.Dense(2)]))
