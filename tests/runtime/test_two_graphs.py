"""A task of two graphs is answered by LiteRT and ONNX Runtime as by NumPy: memory and cache go in and out as floats."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf2onnx

from kerasbert.errors import BundleError
from kerasbert.runtime.litert import tflite
from kerasbert.runtime.manifest import File, Manifest, Part
from kerasbert.runtime.onnx import onnx
from kerasbert.tasks.generating import write
from kerasbert.tasks.seq2seq import Settings
from kerasbert.tasks.task import Graph, Input, Output

VOCABULARY, WIDTH, PLACES, LENGTHS = 11, 6, 7, (4, 9)
SETTINGS = Settings(
    max_length=9, decoder_start_token_id=1, eos_token_id=2, max_new_tokens=PLACES, num_beams=3, num_return_sequences=3
)
DRAW = np.random.default_rng(0)
TABLE, SOURCE, PAST = (DRAW.normal(size=(n, WIDTH)).astype("float32") for n in (VOCABULARY, WIDTH, WIDTH))
HEAD = DRAW.normal(size=(WIDTH, VOCABULARY)).astype("float32")
ENCODER = Graph("encoder", (Input("input_ids"), Input("attention_mask")), (Output("memory", "token", "vector", WIDTH),))
STEP = Graph(
    "decoder_step",
    (
        Input("decoder_input_ids", "row"),
        Input("decoder_position", "row"),
        Input("attention_mask"),
        Input("memory", "token", width=WIDTH),
        Input("cache", "cache", width=WIDTH),
    ),
    (Output("logits", "row", "choice", VOCABULARY), Output("cache_entry", "row", "vector", WIDTH)),
)


def encoder(input_ids, attention_mask):
    """A table of vectors, those of padding wrong on purpose."""
    return {"memory": tf.gather(TABLE, input_ids) + 9.0 * (1.0 - tf.cast(attention_mask, tf.float32)[..., None])}


def decoder_step(decoder_input_ids, decoder_position, attention_mask, memory, cache):
    """Sums over the source and over the tokens before. Places of the cache from `decoder_position` on are masked."""
    entry = tf.gather(TABLE, tf.reshape(decoder_input_ids, [-1]))
    source = tf.reduce_sum(memory * tf.cast(attention_mask, tf.float32)[..., None], axis=1)
    places = tf.range(tf.shape(cache)[1])[None]
    seen = tf.cast(places < tf.reshape(decoder_position, [-1, 1]), tf.float32) * tf.cast(places + 1, tf.float32)
    past = tf.reduce_sum(cache * seen[..., None], axis=1)
    return {"logits": (entry + (source @ SOURCE + past @ PAST) / 4) @ HEAD, "cache_entry": entry + 0.0}


FUNCTIONS = {"encoder": (encoder, ENCODER), "decoder_step": (decoder_step, STEP)}


def specifications(graph, rows, length, places, ids):
    sizes = {"row": (), "token": (length,), "cache": (places,)}
    return [
        tf.TensorSpec(
            (rows, *sizes[each.axis], *([each.width] if each.width else [])),
            tf.float32 if each.width else ids,
            name=each.name,
        )
        for each in graph.inputs
    ]


def tflite_file(folder, name):
    function, graph = FUNCTIONS[name]
    module = tf.Module()
    signatures = {
        f"{name}_{length}": tf.function(function, input_signature=specifications(graph, 1, length, PLACES, tf.int32))
        for length in LENGTHS
    }
    tf.saved_model.save(module, folder / name, {key: each.get_concrete_function() for key, each in signatures.items()})
    path = folder / f"{name}.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder / name)).convert())
    return tflite(path, [graph], threads=1, integers=False)[name]


def onnx_file(folder, name):
    function, graph = FUNCTIONS[name]
    inputs = specifications(graph, None, None, None, tf.int64)

    def with_ids(*values):
        return function(*(tf.cast(x, tf.int32) if x.dtype == tf.int64 else x for x in values))

    path = folder / f"{name}.onnx"
    made = tf.function(with_ids, input_signature=inputs)
    tf2onnx.convert.from_function(made, input_signature=inputs, opset=17, output_path=str(path))
    return onnx(path, [graph], threads=1, integers=False)[name]


@pytest.mark.parametrize("opened", [tflite_file, onnx_file])
def test_an_engine_writes_the_texts_of_the_same_functions_in_eager_mode(opened, tmp_path):
    def eager(name):
        return lambda batch: {key: x.numpy() for key, x in FUNCTIONS[name][0](**batch).items()}

    mask = (np.arange(9) < np.array([[3], [4], [9], [6]])).astype("int32")
    batch = {"input_ids": DRAW.integers(3, VOCABULARY, mask.shape, "int32") * mask, "attention_mask": mask}
    wanted = write({name: eager(name) for name in FUNCTIONS}, batch, SETTINGS)
    found = write({name: opened(tmp_path, name) for name in FUNCTIONS}, batch, SETTINGS)
    assert {len(text) for texts in wanted["sequences"] for text in texts} > {PLACES}
    for ours, theirs in zip(wanted["sequences"], found["sequences"], strict=True):
        assert [each.tolist() for each in ours] == [each.tolist() for each in theirs]
    np.testing.assert_allclose(np.array(found["scores"]), np.array(wanted["scores"]), rtol=1e-4)


def manifest(files=(), **widths):
    """The description of a bundle of both graphs, whose inputs and outputs have these widths."""
    graphs = [
        dataclasses.replace(
            graph,
            inputs=tuple(dataclasses.replace(x, width=widths.get(x.name, x.width)) for x in graph.inputs),
            outputs=graph.outputs,
        )
        for graph in (ENCODER, STEP)
    ]
    return Manifest(
        task="seq2seq",
        settings=dataclasses.asdict(SETTINGS),
        graphs=graphs,
        lengths=list(LENGTHS),
        tokenizer={
            "kind": "wordpiece",
            "do_lower_case": True,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "added_tokens": [],
        },
        files=dict(files),
        checksums=dict.fromkeys(("vocab.txt", "golden.json"), "0" * 64),
        versions={},
    )


@pytest.mark.parametrize(
    ("name", "axis", "wrong"), [("cache", "cache", 0), ("memory", "token", 5), ("decoder_position", "row", 1)]
)
def test_an_input_of_vectors_takes_what_another_graph_gives(name, axis, wrong, tmp_path):
    manifest().write(tmp_path)
    assert Manifest.read(tmp_path) == manifest()
    with pytest.raises(ValueError, match=f"^decoder_step.{name} has the axis '{axis}' and the width {wrong}$"):
        manifest(**{name: wrong}).write(tmp_path)


def split(folder):
    """A file with a part for each graph, which the description of a bundle lists."""
    paths = {"encoder": "encoder_model.onnx", "decoder_step": "decoder_model.onnx"}
    for name, path in paths.items():
        (folder / path).write_text(name)
    parts = tuple(Part.describe(folder, path, [name]) for name, path in paths.items())
    return manifest({"onnx": File(kind="onnx", precision="float32", parts=parts)})


def test_each_part_of_a_file_is_checked(tmp_path):
    described = split(tmp_path)
    described.write(tmp_path)
    file = Manifest.read(tmp_path).check_file(tmp_path, "onnx")
    assert file == described.files["onnx"]
    assert (file.path, file.bytes) == ("encoder_model.onnx, decoder_model.onnx", len("encoder") + len("decoder_step"))
    (tmp_path / "decoder_model.onnx").write_text("decoder_stop")
    with pytest.raises(BundleError, match=r"decoder_model.onnx: its bytes are not the ones that were written"):
        described.check_file(tmp_path, "onnx")
    (tmp_path / "decoder_model.onnx").unlink()
    with pytest.raises(BundleError, match=r"decoder_model.onnx: missing, though kerasbert.json lists it"):
        described.check_file(tmp_path, "onnx", whole=False)


def test_the_parts_of_a_file_compute_every_graph_once(tmp_path):
    (encoder, step) = split(tmp_path).files["onnx"].parts
    for parts in ((encoder,), (encoder, encoder, step)):
        computed = ", ".join(repr(part.graphs[0]) for part in parts)
        with pytest.raises(
            ValueError, match=rf"^files.onnx.parts compute \[{computed}\], but the graphs are \['encoder', "
        ):
            manifest({"onnx": File(kind="onnx", precision="float32", parts=parts)})
