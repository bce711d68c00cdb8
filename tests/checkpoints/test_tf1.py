"""Checkpoints of google-research/bert, written by TensorFlow's own Saver."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import tf_files
from checkpoints.head_classes import BERT, PIECES, make_folder
from checkpoints.tf_files import CLASSIFIER, PRETRAINING, SQUAD, transformers_name

from kerasbert import BertEncoder, MaskFiller, QuestionAnswerer, TextClassifier
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.models.opening import open_model
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.describe import describe

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"


@pytest.mark.parametrize(
    ("heads", "task"),
    [
        ("", "encoder"),
        (PRETRAINING, "pre-training"),
        (CLASSIFIER, "text-classification"),
        (SQUAD, "question-answering"),
    ],
    ids=lambda value: value.strip()[:8],
)
def test_every_variable_has_the_place_that_transformers_gives_it(heads, task, tmp_path):
    weights = tf_files.tensors(heads)
    checkpoint = open_checkpoint(tf_files.save(tmp_path / "model", tf_files.with_adam(weights)))
    assert checkpoint.task == task
    assert len(checkpoint.tensors) == len(weights)
    for name, value in weights.items():
        place, transposed = transformers_name(name)
        assert checkpoint.tensors[place].name == name
        assert np.array_equal(checkpoint.read(place), value.T if transposed else value), name
    checkpoint.check_whole()
    assert len(checkpoint.skipped) == 2 * len(weights) + 1
    assert checkpoint.skipped["global_step"] == "the state of a training run"
    assert checkpoint.skipped["bert/embeddings/word_embeddings/adam_m"] == "a mean of the optimiser"


def test_a_checkpoint_may_be_named_by_its_files(tmp_path):
    folder = tf_files.save(tmp_path / "model", tf_files.tensors(""))
    for path in (folder / "bert_model.ckpt", folder / "bert_model.ckpt.index", str(folder / "bert_model.ckpt")):
        checkpoint = open_checkpoint(path)
        assert (checkpoint.folder, checkpoint.format) == (folder, "tf1")
        assert checkpoint.tokenizer().vocab_size == 105
    assert describe(folder / "bert_model.ckpt") == describe(folder)


def test_of_several_checkpoints_the_one_that_is_named_counts(tmp_path):
    folder = tf_files.save(tmp_path / "model", tf_files.tensors(""), name="model.ckpt-10")
    tf_files.save(folder, tf_files.tensors(CLASSIFIER), name="model.ckpt-20")
    with pytest.raises(CheckpointError, match=r"2 checkpoints \(model.ckpt-10, model.ckpt-20\), .* name one, such as"):
        open_checkpoint(folder)
    assert open_checkpoint(folder / "model.ckpt-10").task == "encoder"
    # It was saved elsewhere, and names this place.
    (folder / "checkpoint").write_text('model_checkpoint_path: "gs://bucket/run/model.ckpt-20"\n', encoding="utf-8")
    assert open_checkpoint(folder).task == "text-classification"
    (folder / "checkpoint").write_text('model_checkpoint_path: "/etc/passwd"\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="name one, such as"):
        open_checkpoint(folder)


def test_shards_are_read_and_a_missing_one_is_named(tmp_path):
    weights = tf_files.tensors(CLASSIFIER)
    folder = tf_files.save(tmp_path / "model", weights, shards=2)
    checkpoint = open_checkpoint(folder)
    assert len(list(folder.glob("*.data-*-of-00002"))) == 2
    assert all(np.array_equal(tensor.load(), weights[tensor.name]) for tensor in checkpoint.tensors.values())
    (folder / "bert_model.ckpt.data-00001-of-00002").unlink()
    with pytest.raises(CheckpointError, match=r"ckpt.data-00001-of-00002: no such file, but the index beside it"):
        open_checkpoint(folder)


def test_the_first_format_is_named_with_the_way(tmp_path):
    for name in ("bert_model.ckpt", "bert_model.ckpt.meta"):
        (tmp_path / name).write_bytes(b"\0")
    for path in (tmp_path, tmp_path / "bert_model.ckpt"):
        with pytest.raises(CheckpointError, match=r"bert_model.ckpt: a checkpoint of TensorFlow's first format.* save"):
            open_checkpoint(path)


def test_another_model_is_named_by_its_tensors(tmp_path):
    weights = {"electra/embeddings/word_embeddings": np.ones((105, 32), "float32")}
    with pytest.raises(CheckpointError, match=r"none of BERT's embeddings .it has electra/embeddings/word_embeddings"):
        open_checkpoint(tf_files.save(tmp_path / "model", weights))


def test_a_configuration_is_needed_and_is_of_bert(tmp_path):
    folder = tf_files.save(tmp_path / "model", tf_files.tensors(""), config=None)
    with pytest.raises(ConfigError, match=r"bert_config.json: no such file"):
        open_checkpoint(folder)
    (folder / "bert_config.json").write_text('{"model_type": "roberta"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bert_config.json: model_type is 'roberta'"):
        open_checkpoint(folder)


def test_a_checkpoint_beside_config_json_is_read_where_no_other_weights_are(tmp_path):
    """Many folders of the hub have been given a config.json for transformers."""
    folder = tf_files.save(
        tmp_path / "model", tf_files.tensors(CLASSIFIER), config={**tf_files.CONFIG, "model_type": "bert"}
    )
    (folder / "bert_config.json").rename(folder / "config.json")
    for path in (folder, folder / "bert_model.ckpt"):
        checkpoint = open_checkpoint(path)
        assert (checkpoint.format, checkpoint.task) == ("tf1", "text-classification")
        assert checkpoint.config_place == folder / "config.json"
    assert describe(folder)["format"] == "google-research/bert"
    shutil.copyfile(make_folder(tmp_path / "hf", "BertModel") / "model.safetensors", folder / "model.safetensors")
    assert open_checkpoint(folder).format == "hf"


@pytest.mark.parametrize(
    ("heads", "kind"),
    [(PRETRAINING, MaskFiller), (CLASSIFIER, TextClassifier), (SQUAD, QuestionAnswerer)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_opens_as_its_task(heads, kind, tmp_path):
    model = open_model(tf_files.save(tmp_path / "model", tf_files.tensors(heads)))
    assert type(model) is kind
    assert kind is not TextClassifier or model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_outputs_are_those_that_transformers_gave_for_these_weights(tmp_path):
    convert(FIXTURES / "bert", tmp_path / "tf1", to="tf1")
    model = PretrainingModel.from_pretrained(tmp_path / "tf1")
    with np.load(FIXTURES / "bert.npz") as arrays:
        found = model.predict_on_batch({name: arrays[f"short.{name}"] for name in model.input})
        for name in ("mlm_logits", "nsp_logits"):
            assert np.abs(found[name] - arrays[f"short.{name}"]).max() <= 1e-5


def test_a_written_folder_is_read_by_tensorflow(tmp_path):
    import tensorflow as tf

    weights = tf_files.tensors(PRETRAINING + CLASSIFIER + SQUAD)
    source = tf_files.save(tmp_path / "source", weights)
    done = convert(source, tmp_path / "out", to="tf1")
    reader = tf.train.load_checkpoint(str(tmp_path / "out"))  # by the file `checkpoint`
    assert reader.get_variable_to_shape_map() == {name: list(x.shape) for name, x in weights.items()}
    assert all(reader.get_tensor(name).tobytes() == x.tobytes() for name, x in weights.items())
    assert {row.source: row.target for row in done.rows} == {name: name for name in weights}
    assert json.loads((tmp_path / "out" / "bert_config.json").read_text(encoding="utf-8")) == tf_files.CONFIG
    assert (tmp_path / "out" / "vocab.txt").read_text(encoding="utf-8").split() == PIECES


@pytest.mark.parametrize("name", BERT)
def test_hugging_face_to_tf1_and_back_keeps_every_bit_and_the_task(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    convert(folder, tmp_path / "tf1", to="tf1")
    convert(tmp_path / "tf1", tmp_path / "back", to="hf")
    before, after = open_checkpoint(folder), open_checkpoint(tmp_path / "back")
    assert (after.task, after.architecture, after.config) == (before.task, before.architecture, before.config)
    assert before.tensors.keys() - after.tensors.keys() <= before.names.tied.keys()
    assert all(before.read(name).tobytes() == after.read(name).tobytes() for name in after.tensors)


@pytest.mark.parametrize("name", ["RobertaModel", "DistilBertModel"])
def test_another_family_is_not_written(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    with pytest.raises(CheckpointError, match="TF1 checkpoints hold BERT: use --to hf"):
        convert(folder, tmp_path / "out", to="tf1")
    assert not (tmp_path / "out").exists()


def test_another_epsilon_is_not_written(tmp_path):
    folder = make_folder(tmp_path / "model", "BertModel", config={"layer_norm_eps": 1e-5})
    with pytest.raises(CheckpointError, match=r"config.json: layer_norm_eps is 1e-05; .*: use --to hf"):
        convert(folder, tmp_path / "out", to="tf1")


def test_another_activation_is_not_written_unless_it_is_close(tmp_path):
    """google-research/bert stops at a `hidden_act` that it does not know."""
    folders = {
        name: make_folder(tmp_path / name, "BertModel", config={"hidden_act": name}) for name in ("gelu_new", "silu")
    }
    with pytest.raises(CheckpointError, match=r"config.json: hidden_act is gelu_new; .* --approximate to write gelu"):
        convert(folders["gelu_new"], tmp_path / "out", to="tf1")
    with pytest.raises(
        CheckpointError, match=r"hidden_act is silu; google-research/bert has gelu, relu, tanh: use --to"
    ):
        convert(folders["silu"], tmp_path / "out", to="tf1", approximate=True)
    assert not (tmp_path / "out").exists()
    convert(folders["gelu_new"], tmp_path / "out", to="tf1", approximate=True)
    assert json.loads((tmp_path / "out" / "bert_config.json").read_text(encoding="utf-8"))["hidden_act"] == "gelu"


@pytest.mark.parametrize("pooling", ["mean", "additive"])
def test_a_classifier_of_all_tokens_is_not_written(pooling, tmp_path):
    """Back in a Hugging Face folder, transformers would have read it with a random pooler."""
    encoder = BertEncoder.from_pretrained(FIXTURES / "bert")
    TextClassifier(encoder, labels=["a", "b"], pooling=pooling).save_pretrained(tmp_path / "model")
    with pytest.raises(
        CheckpointError, match=f"the pooling of its classifier is {pooling}, and google-research/bert's"
    ):
        convert(tmp_path / "model", tmp_path / "out", to="tf1")
    assert not (tmp_path / "out").exists()
