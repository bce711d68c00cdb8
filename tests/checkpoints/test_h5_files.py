"""Files of transformers' TensorFlow classes: names, layouts, and the outputs that `record_h5_classes.py` recorded."""

import gzip
import json

import h5py
import numpy as np
import pytest
from checkpoints.h5_classes import HERE, INPUTS, make_folder, numbers, recorded

from kerasbert import BertEncoder
from kerasbert.checkpoints import h5_files
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError
from kerasbert.models.opening import model_class
from kerasbert.models.pretraining import PretrainingModel

CLASSES = recorded()
OUTPUTS = {
    "sequence_output": "last_hidden_state",
    "pooled_output": "pooler_output",
    "nsp_logits": "seq_relationship_logits",
}
"""Our name of an output -> that of transformers, where the two differ."""
ENCODERS = {"encoder": BertEncoder, "pre-training": PretrainingModel, "fill-mask": PretrainingModel}
REAL = np.array(INPUTS["attention_mask"], bool)


@pytest.mark.parametrize("name", CLASSES)
def test_outputs_are_those_of_transformers(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    checkpoint = open_checkpoint(folder)
    assert checkpoint.architecture == name.removeprefix("TF")
    checkpoint.check_whole()
    task = checkpoint.task
    model = (ENCODERS.get(task) or model_class(task)).from_pretrained(folder)
    positions = {"mlm_positions": np.tile(np.arange(4), (2, 1))}
    inputs = {**{key: np.int32(value) for key, value in INPUTS.items()}, "token_type_ids": np.zeros((2, 4), "int32")}
    found = model.predict_on_batch({key: value for key, value in (inputs | positions).items() if key in model.input})
    wanted = {key: np.float32(value) for key, value in CLASSES[name]["outputs"].items()}
    if not isinstance(found, dict):
        found = {"logits": found}
    if task == "fill-mask":
        found = {"logits": found["mlm_logits"]}
    if task == "pre-training":
        found["prediction_logits"] = found.pop("mlm_logits")
    if task == "multiple-choice":
        wanted = {"logits": wanted["logits"].T}
    assert {OUTPUTS.get(key, key) for key in found} == wanted.keys()
    for key, value in found.items():
        value, right = np.asarray(value), wanted[OUTPUTS.get(key, key)]
        real = REAL if value.shape[:2] == REAL.shape else slice(None)
        assert np.abs(value[real] - right[real]).max() <= 1e-5, key


def test_the_file_that_transformers_wrote_is_read(tmp_path):
    folder = make_folder(tmp_path / "model", "TFBertForPreTraining")
    made = {stored.name: stored.load() for stored in h5_files.read(folder / "tf_model.h5")}
    (folder / "tf_model.h5").write_bytes(gzip.decompress((HERE / "tf_model.h5.gz").read_bytes()))
    checkpoint = open_checkpoint(folder)
    assert {tensor.name for tensor in checkpoint.tensors.values()} == made.keys()
    for tensor in checkpoint.tensors.values():
        assert np.array_equal(tensor.load(), made[tensor.name])
    assert checkpoint.shapes["cls.seq_relationship.weight"] == (2, 8)


def test_copies_of_a_shared_variable_must_be_copies(tmp_path):
    folder = make_folder(tmp_path / "model", "TFBertForMaskedLM")
    with h5py.File(folder / "tf_model.h5", "r+") as file:
        (copy,) = (path for path in CLASSES["TFBertForMaskedLM"]["layers"]["mlm___cls"] if "word_embeddings" in path)
        file["mlm___cls"][copy][0, 0] = 9
    with pytest.raises(
        CheckpointError, match=r"word_embeddings/weight:0 differs from .*/word_embeddings/weight:0, but the two are one"
    ):
        open_checkpoint(folder).read("embeddings.word_embeddings.weight")


def test_shards_are_read(tmp_path):
    folder = make_folder(tmp_path / "model", "TFBertModel")
    whole = {name: tensor.load() for name, tensor in open_checkpoint(folder).tensors.items()}
    paths = CLASSES["TFBertModel"]["layers"]["bert"]
    for shard, part in enumerate((list(paths)[:9], list(paths)[9:]), 1):
        with h5py.File(folder / f"tf_model-{shard:05d}-of-00002.h5", "w") as file:
            for path in part:
                file.create_dataset(f"bert/{path}", data=numbers(path, paths[path]))
    (folder / "tf_model.h5").unlink()
    index = {"weight_map": {path: f"tf_model-0000{shard}-of-00002.h5" for path, shard in (("a", 1), ("b", 2))}}
    (folder / "tf_model.h5.index.json").write_text(json.dumps(index), encoding="utf-8")
    checkpoint = open_checkpoint(folder)
    assert checkpoint.tensors.keys() == whole.keys()
    assert all(np.array_equal(tensor.load(), whole[name]) for name, tensor in checkpoint.tensors.items())
