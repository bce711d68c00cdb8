"""KerasHub itself, run beside ours: its presets and models are read, and it opens those that we write."""

import warnings

import h5py
import keras
import numpy as np
import pytest
from checkpoints.keras_hub_models import CLASSES, ROWS, SAID, TASKS, Kept, shaken
from conftest import small_vocabulary
from families import tokenizer_of

import kerasbert as kb
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint

TEXTS = ["the film was good", "Café é 这家电影 was awful, day!", "a 🎬 one two", "naïve ÀÉÜ déjà-vu"]
SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24, "max_sequence_length": 32}


@pytest.fixture(scope="module")
def hub():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras_hub", reason="needs pip install kerasbert[keras-hub]").models


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
    return Kept(tmp_path_factory)


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


def test_a_model_with_lora_is_read_merged(hub, preset):
    backbone = hub.BertBackbone.from_preset(str(preset("bert", "encoder")))
    backbone.enable_lora(2)
    shaken(backbone)
    check_equal(kb.BertEncoder.from_keras_hub(backbone), backbone, batch(backbone.vocabulary_size))


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
