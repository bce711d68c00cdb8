"""Reading and writing Hugging Face folders: strict, and clear where it refuses."""

import json
import logging
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kerasbert import BertEncoder, TextClassifier
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.models.pretraining import PretrainingModel

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
QUERY = "bert.encoder.layer.1.attention.self.query.weight"
WORDS = "bert.embeddings.word_embeddings.weight"
DECODER = "cls.predictions.decoder.weight"


@pytest.fixture
def altered(tmp_path):
    """A copy of a fixture with other tensors, other keys in its config (None takes one away), without some files."""

    def alter(name="bert", *, tensors=(), config=(), without=()):
        folder = tmp_path / name
        shutil.copytree(FIXTURES / name, folder)
        weights = {**load_file(folder / "model.safetensors"), **dict(tensors)}
        save_file({key: v for key, v in weights.items() if v is not None}, folder / "model.safetensors")
        settings = {**json.loads((folder / "config.json").read_text("utf-8")), **dict(config)}
        (folder / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not None}), "utf-8")
        for file in without:
            (folder / file).unlink()
        return folder

    return alter


def same_weights(a, b) -> bool:
    return all(np.array_equal(x.numpy(), y.numpy()) for x, y in zip(a.weights, b.weights, strict=True))


# Strictness


def test_missing_unexpected_and_misshaped_tensors_are_all_listed_and_nothing_is_copied(altered):
    folder = altered(
        tensors={
            QUERY: None,
            "bert.encoder.layer.0.output.dense.bias": np.zeros(31, "float32"),
            "bert.encoder.layer.7.output.dense.bias": np.zeros(32, "float32"),
        }
    )
    checkpoint = open_checkpoint(folder)
    encoder = BertEncoder(checkpoint.config)
    before = encoder.get_weights()
    with pytest.raises(CheckpointError) as raised:
        checkpoint.load_into(encoder)
    message = str(raised.value)
    assert "missing: encoder.layer.1.attention.self.query.weight (32, 32)" in message
    assert "unexpected: encoder.layer.7.output.dense.bias (32,)" in message
    assert "encoder.layer.0.output.dense.bias: (31,) in the file, (32,) in the model" in message
    assert all(np.array_equal(x, y) for x, y in zip(before, encoder.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "max_position_embeddings",
            128,
            r"position_embeddings.weight: \(64, 32\) in the file, \(128, 32\) in the model",
        ),
        ("num_hidden_layers", 3, r"missing: encoder.layer.2.attention.self.query.weight \(32, 32\)"),
        ("num_hidden_layers", 1, "unexpected: encoder.layer.1"),
        ("intermediate_size", 65, r"intermediate.dense.weight: \(64, 32\) in the file, \(65, 32\) in the model"),
        ("type_vocab_size", 3, r"token_type_embeddings.weight: \(2, 32\) in the file, \(3, 32\) in the model"),
    ],
)
def test_a_config_of_other_numbers_does_not_fit(altered, key, value, said):
    with pytest.raises(CheckpointError, match=said):
        BertEncoder.from_pretrained(altered(config={key: value}))


def test_many_problems_are_counted_not_poured_out(altered):
    with pytest.raises(CheckpointError, match=r"and 24 more"):
        BertEncoder.from_pretrained(altered(config={"num_hidden_layers": 4}))


def test_half_a_pooler_is_an_error(altered):
    folder = altered(tensors={"bert.pooler.dense.bias": None})
    with pytest.raises(CheckpointError, match=r"missing: pooler.dense.bias \(32,\)"):
        BertEncoder.from_pretrained(folder)


def test_one_weight_under_two_names_is_an_error(altered):
    folder = altered(tensors={"bert.embeddings.LayerNorm.gamma": np.ones(32, "float32")})
    with pytest.raises(CheckpointError, match=r"LayerNorm\.(gamma|weight) are one weight under two names"):
        BertEncoder.from_pretrained(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_an_error(altered, value):
    weights = np.full((32, 32), value, "float32")
    with pytest.raises(CheckpointError, match=r"encoder.layer.1.attention.self.query.weight holds NaN or infinity"):
        BertEncoder.from_pretrained(altered(tensors={QUERY: weights}))


# Files


@pytest.mark.parametrize("keep", [0, 7, 1000, -5])
def test_a_truncated_file_is_an_error_that_names_it(altered, keep):
    folder = altered()
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        CheckpointError, match=r"model.safetensors: not a whole safetensors file .* fetch or save it again"
    ):
        BertEncoder.from_pretrained(folder)


def test_a_folder_without_weights_is_an_error(altered):
    with pytest.raises(
        CheckpointError, match=r"no weights \(model.safetensors, pytorch_model.bin, tf_model.h5\); save the model as"
    ):
        BertEncoder.from_pretrained(altered(without=["model.safetensors"]))


def test_a_name_in_a_pickle_is_refused_and_never_called(altered, tmp_path):
    folder = altered(without=["model.safetensors"])
    trap = tmp_path / "opened"
    # A pickle that writes a file when somebody loads it.
    (folder / "pytorch_model.bin").write_bytes(b"cbuiltins\nopen\n(V" + str(trap).encode() + b"\nVw\ntR.")
    with pytest.raises(
        CheckpointError,
        match=r"pytorch_model.bin: its pickle holds the name 'builtins.open', .* save its tensors: python -c",
    ):
        BertEncoder.from_pretrained(folder)
    assert not trap.exists()


def test_shards_that_an_index_names_are_read_together(altered):
    folder = altered()
    tensors = load_file(folder / "model.safetensors")
    shards = {f"model-0000{i}-of-00003.safetensors": list(tensors)[i - 1 :: 3] for i in (1, 2, 3)}
    for file, chosen in shards.items():
        save_file({name: tensors[name] for name in chosen}, folder / file)
    index = {"weight_map": {name: file for file, chosen in shards.items() for name in chosen}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    (folder / "model.safetensors").unlink()
    assert same_weights(BertEncoder.from_pretrained(folder), BertEncoder.from_pretrained(FIXTURES / "bert"))

    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(
        CheckpointError, match=r"model-00002-of-00003.safetensors: no such file, but the folder's index"
    ):
        BertEncoder.from_pretrained(folder)


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": []}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_is_an_error(altered, index):
    folder = altered(without=["model.safetensors"])
    (folder / "model.safetensors.index.json").write_text(index, "utf-8")
    with pytest.raises(
        CheckpointError, match=r"index.json: (not an index of shards|cannot be read as JSON|holds a JSON list)"
    ):
        BertEncoder.from_pretrained(folder)


@pytest.mark.parametrize("stored", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_weights_of_fewer_bits_are_read_as_float32(altered, stored):
    dtype = np.dtype(getattr(ml_dtypes, stored, stored))
    tensors = load_file(FIXTURES / "bert" / "model.safetensors")
    encoder = BertEncoder.from_pretrained(altered(tensors={k: v.astype(dtype) for k, v in tensors.items()}))
    found = encoder.get_layer("block_1").attention.query.kernel.numpy()
    np.testing.assert_array_equal(found, tensors[QUERY].astype(dtype).astype("float32").T)


def test_whole_numbers_are_refused_as_weights(altered):
    with pytest.raises(CheckpointError, match=r"query.weight is of type I8; .* without quantisation"):
        BertEncoder.from_pretrained(altered(tensors={QUERY: np.zeros((32, 32), "int8")}))


def test_a_file_in_place_of_a_folder_is_an_error():
    with pytest.raises(CheckpointError, match=r"is a file; name the folder"):
        BertEncoder.from_pretrained(FIXTURES / "bert" / "config.json")


@pytest.mark.parametrize("name", ["kerasbert-tests/no-such-model", "no/such/folder", "./nowhere"])
def test_what_is_neither_a_folder_nor_on_the_hub_is_one_clear_line(name):
    with pytest.raises(CheckpointError, match="no such folder") as raised:
        BertEncoder.from_pretrained(name)
    assert "\n" not in str(raised.value)


def test_a_hub_id_is_read_from_what_was_downloaded_before(tmp_path, monkeypatch):
    """From the cache, as huggingface_hub lays it out: no test asks the network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--kerasbert-tests--bert"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    shutil.copytree(FIXTURES / "bert", home / "snapshots" / ("0" * 40))
    encoder = BertEncoder.from_pretrained("kerasbert-tests/bert")
    assert same_weights(encoder, BertEncoder.from_pretrained(FIXTURES / "bert"))
    assert encoder.tokenizer is not None


# Tokenizer


def test_a_folder_without_a_tokenizer_loads_and_has_none(altered):
    folder = altered(without=["vocab.txt"])
    assert BertEncoder.from_pretrained(folder).tokenizer is None
    model = TextClassifier.from_pretrained(folder, labels=["a", "b"])
    with pytest.raises(ConfigError, match="no tokenizer"):
        model.predict_text(["a text"])
    assert open_checkpoint(folder).tokenizer() is None


def test_a_model_without_a_tokenizer_is_saved_without_one(altered, tmp_path):
    BertEncoder.from_pretrained(altered(without=["vocab.txt"])).save_pretrained(tmp_path / "saved")
    written = {path.name for path in (tmp_path / "saved").iterdir()}
    assert written == {"README.md", "config.json", "model.safetensors"}


# Heads


@pytest.mark.parametrize("also", [True, False])
def test_the_tied_matrix_is_read_under_either_name(altered, also):
    words = load_file(FIXTURES / "bert" / "model.safetensors")[WORDS]
    folder = altered(tensors={DECODER: words, WORDS: words if also else None})
    assert same_weights(PretrainingModel.from_pretrained(folder), PretrainingModel.from_pretrained(FIXTURES / "bert"))


def test_an_untied_head_is_refused_by_the_model_that_would_use_it(altered):
    folder = altered(tensors={DECODER: load_file(FIXTURES / "bert" / "model.safetensors")[WORDS] + 1})
    with pytest.raises(
        CheckpointError, match=r"cls.predictions.decoder.weight differs from embeddings.word_embeddings"
    ):
        PretrainingModel.from_pretrained(folder)
    assert same_weights(BertEncoder.from_pretrained(folder), BertEncoder.from_pretrained(FIXTURES / "bert"))


def test_a_head_for_other_labels_is_new_and_said_to_be_in_one_line(caplog):
    with caplog.at_level(logging.WARNING, "kerasbert"):
        model = TextClassifier.from_pretrained(FIXTURES / "bert_classifier", labels=["no", "yes"])
    assert [record.getMessage() for record in caplog.records] == [
        f"{FIXTURES / 'bert_classifier'}: new, not from the checkpoint: classifier; "
        "left unused: classifier of text-classification (BertForSequenceClassification)"
    ]
    assert model.output.shape == (None, 2)
    same = TextClassifier.from_pretrained(FIXTURES / "bert_classifier")
    assert same_weights(model.encoder, same.encoder)


def test_the_same_labels_keep_the_head(caplog):
    with caplog.at_level(logging.WARNING, "kerasbert"):
        model = TextClassifier.from_pretrained(FIXTURES / "bert_classifier", labels=["sad", "so-so", "glad"])
    assert caplog.records == []
    assert same_weights(model, TextClassifier.from_pretrained(FIXTURES / "bert_classifier"))


def test_a_checkpoint_without_pooler_gets_a_new_one_where_the_task_needs_it(altered, caplog):
    folder = altered(tensors={"bert.pooler.dense.weight": None, "bert.pooler.dense.bias": None})
    assert BertEncoder.from_pretrained(folder).pooler is None
    with caplog.at_level(logging.WARNING, "kerasbert"):
        TextClassifier.from_pretrained(folder, labels=["a", "b"])
    assert "new, not from the checkpoint: classifier, pooler; left unused: mlm, nsp of" in caplog.text


def test_labels_are_numbered_where_the_config_names_none(altered):
    model = TextClassifier.from_pretrained(altered("bert_classifier", config={"id2label": None, "label2id": None}))
    assert list(model.labels) == ["LABEL_0", "LABEL_1", "LABEL_2"]


@pytest.mark.parametrize(
    "id2label", [{"0": "a", "2": "b", "3": "c"}, {"0": "a", "1": "b"}, {"a": "0", "b": "1", "c": "2"}, ["a", "b", "c"]]
)
def test_labels_that_do_not_number_the_outputs_are_an_error(altered, id2label):
    with pytest.raises(ConfigError, match=r"id2label .* the classifier has 3 outputs: name each from 0 to 2"):
        TextClassifier.from_pretrained(altered("bert_classifier", config={"id2label": id2label}))


# Writing


def test_saving_over_a_model_replaces_it_and_leaves_other_files(tmp_path):
    folder = tmp_path / "model"
    BertEncoder.from_pretrained(FIXTURES / "roberta").save_pretrained(folder)
    (folder / "notes.txt").write_text("mine", "utf-8")
    BertEncoder.from_pretrained(FIXTURES / "bert").save_pretrained(folder)
    assert (folder / "notes.txt").read_text("utf-8") == "mine"
    assert same_weights(BertEncoder.from_pretrained(folder), BertEncoder.from_pretrained(FIXTURES / "bert"))


def test_a_saved_encoder_has_no_prefix_and_a_saved_task_has_one(tmp_path):
    BertEncoder.from_pretrained(FIXTURES / "bert").save_pretrained(tmp_path / "encoder")
    TextClassifier.from_pretrained(FIXTURES / "bert_classifier").save_pretrained(tmp_path / "task")
    encoder, task = (load_file(tmp_path / name / "model.safetensors") for name in ("encoder", "task"))
    assert {name.split(".")[0] for name in encoder} == {"embeddings", "encoder", "pooler"}
    assert {name.split(".")[0] for name in task} == {"bert", "classifier"}
