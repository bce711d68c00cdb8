"""Conversions between formats: every tensor arrives bit for bit, and nothing is written of what is not whole."""

import json
import shutil

import numpy as np
import pytest
from checkpoints.head_classes import NAMES, make_folder
from safetensors.numpy import load_file, save_file

from kerasbert.checkpoints import names
from kerasbert.checkpoints.convert import AS_IT_IS, convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.sizes import encoder_shapes
from kerasbert.config import FAMILIES, BertConfig
from kerasbert.errors import CheckpointError
from kerasbert.models.encoder import BertEncoder


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shapes_of_an_encoder_are_those_that_keras_builds(family):
    config = BertConfig(
        model_type=family,
        vocab_size=11,
        hidden_size=6,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=10,
        max_position_embeddings=8,
        **({} if family == "distilbert" else {"type_vocab_size": 2}),
    )
    built = {weight.path: tuple(weight.shape) for weight in BertEncoder(config, pooler=False).weights}
    assert encoder_shapes(config) == built


@pytest.mark.parametrize("name", NAMES)
def test_hugging_face_to_hugging_face_keeps_every_bit(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    done = convert(folder, tmp_path / "out", to="hf")
    before, after = open_checkpoint(folder), open_checkpoint(tmp_path / "out")
    assert before.shapes == after.shapes
    assert all(np.array_equal(before.read(name), after.read(name)) for name in before.tensors)
    assert load_file(tmp_path / "out" / "model.safetensors").keys() == {row.target for row in done.rows if row.target}
    assert {row.how for row in done.rows if row.target} == {AS_IT_IS}
    assert (after.task, after.architecture) == (before.task, name)


def test_the_tokenizer_comes_along(tiny_bert, tmp_path):
    assert convert(tiny_bert, tmp_path / "out", to="hf").tokenizer
    first, second = (
        open_checkpoint(path).tokenizer().encode("Wörter, 词 🙂")[0] for path in (tiny_bert, tmp_path / "out")
    )
    assert first.ids == second.ids


def test_what_a_format_has_no_place_for_is_said(tmp_path, run):
    """google-research/bert has no modules: a sentence encoder becomes an encoder there."""
    folder = make_folder(tmp_path / "model", "BertModel")
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": "sentence_transformers.models.Transformer"}]))
    done = run("convert", folder, tmp_path / "tf1", "--to", "tf1")
    assert done.exit_code == 0, done.output
    assert "sentence-embedding, from Hugging Face to google-research/bert" in done.output
    assert "the new folder is read as an encoder (BertModel): google-research/bert has no place for more" in done.output
    assert "is read as" not in run("convert", folder, tmp_path / "hf", "--to", "hf").output


def damaged(folder, place, change):
    """A copy of a model folder with other tensors."""
    shutil.copytree(folder, place)
    tensors = load_file(place / "model.safetensors")
    save_file(change(tensors), place / "model.safetensors")
    return place


def without(*ends):
    return lambda tensors: {name: x for name, x in tensors.items() if not name.endswith(ends)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("layer.1.attention.self.key.bias"), r"missing: encoder.layer.1.attention.self.key.bias \(32,\)"),
        (without("pooler.dense.bias"), "holds pooler.dense.weight but no pooler.dense.bias"),
        (lambda tensors: {**tensors, "encoder.layer.9.x": np.zeros(2, "float32")}, r"unexpected: encoder.layer.9.x"),
        (lambda tensors: {name: x * np.nan for name, x in tensors.items()}, "holds NaN or infinity"),
        (
            lambda tensors: {name: x[:-1] if "self.query.weight" in name else x for name, x in tensors.items()},
            r"of another shape: encoder.layer.0.attention.self.query.weight: \(31, 32\) in the file, \(32, 32\)",
        ),
    ],
)
def test_nothing_is_written_of_what_is_not_whole(tiny_bert, tmp_path, change, said):
    source = damaged(tiny_bert, tmp_path / "source", change)
    with pytest.raises(CheckpointError, match=said):
        convert(source, tmp_path / "out", to="hf")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_halves_become_float32(tiny_bert, tmp_path):
    source = damaged(
        tiny_bert, tmp_path / "source", lambda tensors: {n: x.astype("float16") for n, x in tensors.items()}
    )
    convert(source, tmp_path / "out", to="hf")
    assert {x.dtype.name for x in load_file(tmp_path / "out" / "model.safetensors").values()} == {"float32"}
    assert json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))["dtype"] == "float32"


def test_a_name_of_a_file_is_that_of_reading_and_writing():
    """`file_name` and `tensor_name` are two ways to one name."""
    for family, heads in names.HEAD_NAMES.items():
        for path in (*names.ENCODER_NAMES[family], *heads):
            layer = path.format(0) if "{}" in path else path
            leaf = (
                "" if path.startswith(("embeddings/word", "embeddings/pos", "embeddings/tok", "pooling/")) else "/bias"
            )
            leaf = "" if path == "mlm/bias" else leaf
            plain, _ = names.tensor_name(family, layer + leaf, prefix=False)
            assert (
                names.file_name(family, plain, prefix=True) == names.tensor_name(family, layer + leaf, prefix=True)[0]
            )
