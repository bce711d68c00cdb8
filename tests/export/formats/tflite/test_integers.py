"""`.tflite` files that compute in integers: what is left in floats, what they answer, and what calibrates them."""

from collections import Counter

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from kerasbert import BertEncoder, SentenceEncoder, TextClassifier
from kerasbert.errors import ExportError
from kerasbert.examples.readers import read_examples
from kerasbert.export import export_bundle, verify
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.integers import spread
from kerasbert.layers.tracing import TracingOptions, tracing_options
from kerasbert.runs.finetune import finetune
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.golden import PAIRS, TEXTS

KINDS = {"full-int8": schema.TensorType.INT8, "int16x8": schema.TensorType.INT16}


@pytest.fixture(scope="module")
def model(tiny_bert, opinion_file, tmp_path_factory):
    """A classifier that is sure of its answers, also to texts unlike those it learned from."""
    folder = tmp_path_factory.mktemp("sure") / "model"
    recipe = {"epochs": 10, "batch_size": 20, "learning_rate": 3e-3, "max_length": 32, "seed": 1}
    finetune("text-classification", opinion_file, folder, checkpoint=str(tiny_bert), **recipe)
    return TextClassifier.from_pretrained(folder)


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def bundle(model, opinion_file, said, tmp_path_factory):
    folder = tmp_path_factory.mktemp("integers") / "bundle"
    kinds = {"formats": "tflite", "quantize": tuple(KINDS), "sequence_lengths": [16]}
    export_bundle(model, folder, **kinds, data=opinion_file, progress=said.append)
    return folder


def path_of(bundle, kind: str):
    return bundle / f"model_{kind.replace('-', '_')}.tflite"


@pytest.mark.parametrize("kind", KINDS)
def test_all_products_and_sums_are_of_integers(bundle, kind):
    stored = schema.ModelT.InitFromPackedBuf(path_of(bundle, kind).read_bytes(), 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    assert len(stored.subgraphs) == 1  # several have broken scales
    for graph in stored.subgraphs:
        floats = Counter()
        for operation in graph.operators:
            name = names[stored.operatorCodes[operation.opcodeIndex].builtinCode]
            types = {graph.tensors[tensor].type for tensor in (operation.inputs[0], operation.outputs[0])}
            if schema.TensorType.FLOAT32 in types:
                floats[name] += 1
            elif name in ("FULLY_CONNECTED", "BATCH_MATMUL", "SOFTMAX", "RSQRT"):
                assert types == {KINDS[kind]}
                assert graph.tensors[operation.inputs[-1 if name == "BATCH_MATMUL" else 0]].type == KINDS[kind]
        assert set(floats) <= {"CAST", "QUANTIZE", "DEQUANTIZE"}
    details = Interpreter(str(path_of(bundle, kind))).get_signature_runner("serving_default")
    assert {d["dtype"] for d in details.get_input_details().values()} == {np.int32}
    assert [d["dtype"] for d in details.get_output_details().values()] == [np.float32]


def test_the_bundle_says_which_runtimes_they_need(bundle):
    runtimes = {file.precision: file.runtimes for file in Manifest.read(bundle).files.values()}
    assert runtimes == {
        "full-int8": {"TFLite": "2.12", "LiteRT": "1.0"},
        "int16x8": {"TFLite": "2.20", "LiteRT": "1.3"},
    }
    report = (bundle / "report.html").read_text(encoding="utf-8")
    assert "TFLite 2.20 or LiteRT 1.3: model_int16x8.tflite" in report


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_keras(model, bundle, opinion_file, kind):
    """Of sure answers; the logits of texts of the data are near too."""
    pairs = [pair for _, pair in PAIRS]
    pipeline = load(bundle, file=f"tflite-{kind}")
    if kind == "int16x8":
        calibrated = [each.fields["text"] for each in read_examples(opinion_file, model.task)[:20]]
        found, wanted = pipeline.predict_logits(calibrated), model.predict_logits(calibrated)
        np.testing.assert_allclose(found, wanted, atol=0.05 * np.ptp(wanted))
    for texts, second in ((TEXTS, None), ([text for text, _ in PAIRS], pairs)):
        found, wanted = pipeline.predict_logits(texts, second), model.predict_logits(texts, second)
        sure = np.abs(wanted[:, 0] - wanted[:, 1]) > 0.3 * np.ptp(wanted)
        assert (found.argmax(-1) == wanted.argmax(-1))[sure].all()


def test_a_bundle_of_integers_verifies(bundle):
    assert [row.failed for row in verify(bundle)] == [None, None]


def test_padding_counts_for_nothing(model, bundle):
    """What stands behind a text makes no difference, though its mask is a small number."""
    runner = Interpreter(str(path_of(bundle, "int16x8"))).get_signature_runner("serving_default")
    row = model.tokenizer(["the film was lovely, room"], max_length=32)["input_ids"][0]
    answers = []
    for filler in (0, 40):
        ids, mask = np.full((1, 32), filler, "int32"), np.zeros((1, 32), "int32")
        ids[0, : len(row)], mask[0, : len(row)] = row, 1
        answers.append(runner(input_ids=ids, attention_mask=mask, token_type_ids=np.zeros_like(ids))["logits"])
    np.testing.assert_allclose(*answers, atol=0.01)


def test_the_layers_compute_as_before_afterwards(bundle):
    assert tracing_options() == TracingOptions()


def test_texts_of_the_data_calibrate_and_that_is_said(bundle, said):
    assert "writing tflite, calibrated on 200 rows of the data and built-in texts" in said


@pytest.mark.parametrize("count", [1, 7, 200, 5000])
def test_few_texts_are_chosen_from_all_over_the_data(count):
    chosen = spread(range(count))
    assert len(chosen) == min(count, 200)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert max(np.diff(chosen), default=1) <= -(-count // 199)


def test_vectors_keep_their_direction_in_16_bits(tiny_bert, opened, tmp_path):
    """A sum of 16 bits would be cut to the range of what is summed."""
    encoder = SentenceEncoder(BertEncoder.from_pretrained(tiny_bert), max_length=32)
    write_tflite(encoder, {tmp_path / "model.tflite": "int16x8"}, Settings(lengths=[32]))
    run = opened(tmp_path / "model.tflite", encoder)
    found = run(encoder.tokenizer(TEXTS, max_length=32))["embedding"]
    assert np.sum(found * encoder.encode(TEXTS), axis=-1).min() > 0.999


def test_formats_without_integers_say_so(model, tmp_path):
    with pytest.raises(ExportError, match=r"^onnx: has no full-int8; quantize can be none, int8, .*float16 there$"):
        export_bundle(model, tmp_path / "out", formats="onnx", quantize="full-int8")
    assert list(tmp_path.iterdir()) == []
