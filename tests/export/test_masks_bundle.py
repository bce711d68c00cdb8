"""A mask filler's bundle: every file answers as Keras does, and the word table is stored once."""

import shutil

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts
from ai_edge_litert.interpreter import Interpreter
from conftest import small_vocabulary
from edits import change_golden, rewrite

from kerasbert import BertConfig, BertEncoder, MaskFiller
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.exportable import check_model
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.entries import unpacked
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.float16 import LOOKS_UP, WIDENS
from kerasbert.export.formats.tflite.graph import read_graph
from kerasbert.export.gate.opening import open_any
from kerasbert.export.options import ExportOptions
from kerasbert.runtime import load
from kerasbert.tokenizers import WordPieceTokenizer

TEXTS = ["the [MASK] was good", "a [MASK] and a [MASK]", "the film " * 20 + "[MASK] " + "was good " * 20]


def filler(*, width: int = 16, length: int = 48) -> MaskFiller:
    """A small model with weights that make a difference."""
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    sizes = {"hidden_size": width, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sizes |= {"max_position_embeddings": length, "initializer_range": 0.5}
    encoder = BertEncoder(BertConfig(vocab_size=tokenizer.vocab_size, **sizes), tokenizer=tokenizer, pooler=False)
    return MaskFiller(encoder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    model, folder = filler(), tmp_path_factory.mktemp("masks") / "bundle"
    rows = export_bundle(model, folder, formats=("tflite", "onnx"), sequence_lengths=[16, 48])
    assert [row.failed for row in rows] == [None] * 4
    return model, folder


def test_every_file_answers_as_keras_does(bundle):
    model, folder = bundle
    wanted = model.predict_text(TEXTS)
    assert len(wanted[1]) == 2  # masks
    for file in ("tflite", "onnx"):
        for ours, theirs in zip(open_any(folder, file).pipeline.predict_text(TEXTS), wanted, strict=True):
            for a, b in zip(*((x if isinstance(x[0], list) else [x]) for x in (ours, theirs)), strict=True):
                assert a == [{**each, "score": pytest.approx(each["score"], abs=1e-5)} for each in b]
    assert load(folder)("the [MASK] was good")[0]["token"] == wanted[0][0]["token"]


def _turned(recorded) -> None:
    """The numbers of a text's two masks, each at the other's position."""
    first, second = next(each["rows"] for each in recorded if len(each["rows"]) == 2)
    assert first["input_ids"] == second["input_ids"]
    first["outputs"], second["outputs"] = second["outputs"], first["outputs"]


def test_the_gate_sees_another_position(bundle, tmp_path):
    folder = shutil.copytree(bundle[1], tmp_path / "copy")
    change_golden(folder, _turned)
    rewrite(folder)
    for row in verify(folder, files=["tflite", "onnx"]):
        assert "outputs differ by" in row.failed


def test_files_take_one_position_and_hold_the_word_table_once(bundle):
    model, folder = bundle
    words = model.config.vocab_size
    graph = read_graph(folder / "model.tflite")
    assert [1, 1] in graph["inputs"].values()
    assert list(graph["outputs"].values()) == [[1, words]]
    buffers = unpacked((folder / "model.tflite").read_bytes()).buffers
    sizes = [len(each.data) for each in buffers if each.data is not None]
    assert sizes.count(4 * words * model.config.hidden_size) == 1
    tensors = {each.name: each for each in onnx.load(folder / "onnx" / "model.onnx").graph.initializer}
    assert [name for name, each in tensors.items() if words in each.dims and len(each.dims) == 2] == [
        "embeddings/word_embeddings"
    ]


def test_an_int8_onnx_file_multiplies_with_the_word_table_in_8_bits(bundle):
    graph = onnx.load(bundle[1] / "onnx" / "model_quantized.onnx").graph
    tensors = {each.name: each for each in graph.initializer}
    table, matrix = (tensors[f"embeddings/word_embeddings{end}"] for end in ("", "_transposed"))
    assert (table.data_type, matrix.data_type) == (onnx.TensorProto.INT8,) * 2
    assert list(matrix.dims) == list(table.dims)[::-1]
    assert any(node.op_type == "MatMulInteger" and matrix.name in node.input for node in graph.node)


@pytest.mark.slow
def test_a_signature_takes_texts_with_a_mask(tmp_path):
    """It answers the first mask of each text, and refuses a text without one."""
    model, folder = filler(), tmp_path / "bundle"
    (row,) = export_bundle(model, folder, formats="saved_model")
    assert row.failed is None
    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["fill"]
    words = "the film was good and the room was kind " * 8
    texts = [*TEXTS[:2], f"{words}[MASK]", f"{words}[MASK] {words}", f"[MASK] {words}", f"so [MASK] and [MASK] {words}"]
    found = signature(text=tf.constant(texts))
    for place, text in enumerate(texts):
        (wanted,) = model.answered(model.task.examples(text))
        np.testing.assert_allclose(found["logits"][place], wanted.outputs["logits"][0], atol=1e-4)
        np.testing.assert_allclose(found["scores"][place], tf.nn.softmax(wanted.outputs["logits"][0]), atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"a text without \[MASK\]; put one"):
        signature(text=tf.constant(["[MASK]", "no mask"]))


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["int4", "int16x8"])
def test_integers_find_the_position(quantize, tmp_path):
    """Logits of a file of integers are those of the position that is asked for."""
    model = filler(length=16)
    write_tflite(model, {tmp_path / "model.tflite": quantize}, Settings(lengths=[16]))
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("serving_default")
    sizes = {name: each["shape"][1] for name, each in run.get_input_details().items()}
    (found,) = model.answered(model.task.examples("the film [MASK] very good"))
    given = found.rows[0].inputs
    inputs = {name: np.int32([[*given[name], *[0] * (size - len(given[name]))]]) for name, size in sizes.items()}
    places = np.arange(len(found.rows[0]))
    everywhere = model({**inputs, "mlm_positions": places[np.newaxis]})["logits"][0]
    for place in places:
        ours = run(**{**inputs, "mlm_positions": np.int32([[place]])})["logits"][0]
        alike = [np.corrcoef(ours, theirs)[0, 1] for theirs in everywhere]
        assert np.argmax(alike) == place


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trainable_head": True}, "fill-mask: has no head to learn on the device; leave trainable_head out"),
        ({"formats": "tflite-text"}, "fill-mask: a tflite-text file cannot find a mask; leave tflite-text out"),
        (
            {"formats": "mediapipe"},
            "MediaPipe has no task for the outputs of fill-mask: export this model without mediapipe",
        ),
    ],
)
def test_a_form_that_cannot_be_is_refused_in_one_line(bundle, options, said):
    with pytest.raises(ExportError, match=f"^{said}") as refused:
        check_model(bundle[0], ExportOptions(**options))
    assert "\n" not in str(refused.value)


def test_a_table_in_16_bits_is_widened_for_look_ups_apart(tmp_path):
    write_tflite(filler(width=64), {tmp_path / "model.tflite": "float16"}, Settings(lengths=[16]))
    content = unpacked((tmp_path / "model.tflite").read_bytes())
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in content.operatorCodes]
    (graph,) = content.subgraphs
    readers = {}
    for each in graph.operators:
        for tensor in each.inputs:
            readers.setdefault(int(tensor), set()).add(kinds[each.opcodeIndex] == LOOKS_UP)
    widened = [int(each.outputs[0]) for each in graph.operators if kinds[each.opcodeIndex] == WIDENS]
    assert all(len(readers[tensor]) == 1 for tensor in widened)
    assert any(readers[tensor] == {True} for tensor in widened)
