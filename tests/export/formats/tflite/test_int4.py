"""`.tflite` files whose matrices have 4 bits."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.entries import packed, unpacked
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.int4 import FEWEST
from kerasbert.export.variants import in_place_of
from kerasbert.runtime import load


@pytest.fixture(scope="module")
def model(tiny_classifier):
    return TextClassifier.from_pretrained(tiny_classifier)


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """int8.tflite and int4.tflite, of 16 and 32 tokens."""
    folder = tmp_path_factory.mktemp("int4")
    write_tflite(model, {folder / f"{kind}.tflite": kind for kind in ("int8", "int4")}, Settings(lengths=[16, 32]))
    return folder


def matrices(content: schema.ModelT, kind: int) -> dict[int, np.ndarray]:
    """Buffer -> float32 (channels, inputs), of the quantised matrices of one type."""
    found = {}
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            by_channel = tensor.quantization is not None and np.size(tensor.quantization.scale) > 1
            if tensor.type == kind and by_channel:
                stored = np.frombuffer(content.buffers[tensor.buffer].data, np.int8)
                if kind == schema.TensorType.INT4:
                    stored = np.stack([stored << 4 >> 4, stored >> 4], axis=-1)  # the shift to the right keeps the sign
                stored = stored.reshape(tensor.shape)
                found[tensor.buffer] = stored * tensor.quantization.scale[:, None].astype(np.float32)
    return found


def test_every_matrix_has_four_bits_but_a_heads(files):
    eight = matrices(unpacked((files / "int8.tflite").read_bytes()), schema.TensorType.INT8)
    content = unpacked((files / "int4.tflite").read_bytes())
    four = matrices(content, schema.TensorType.INT4)
    assert set(four) == {buffer for buffer, weights in eight.items() if len(weights) >= FEWEST}
    assert set(matrices(content, schema.TensorType.INT8)) == set(eight) - set(four)
    for buffer, weights in four.items():
        step = np.abs(weights).max(axis=1, keepdims=True) / 7
        moved = np.abs(weights - eight[buffer])
        cut = np.abs(eight[buffer]) > 7.5 * step
        assert (moved <= step * 0.501)[~cut].all()
        # No worse than the scale that reaches the largest weight of a channel.
        widest = np.abs(eight[buffer]).max(axis=1, keepdims=True) / 7
        plain = np.round(eight[buffer] / widest) * widest
        assert (np.square(moved).sum(1) <= np.square(plain - eight[buffer]).sum(1) * 1.0001 + 1e-12).all()


@pytest.fixture(scope="module")
def widened(files):
    """The file of 4 bits with each weight in a byte of its own: the same numbers for the kernels of 8 bits."""
    content = unpacked((files / "int4.tflite").read_bytes())
    done = set()
    for graph in content.subgraphs:
        for tensor in graph.tensors:
            if tensor.type == schema.TensorType.INT4:
                tensor.type = schema.TensorType.INT8
                if tensor.buffer not in done:
                    stored = np.frombuffer(content.buffers[tensor.buffer].data, np.int8)
                    content.buffers[tensor.buffer].data = np.stack([stored << 4 >> 4, stored >> 4], axis=-1).tobytes()
                    done.add(tensor.buffer)
    path = files / "widened.tflite"
    path.write_bytes(packed(content))
    return path


@pytest.mark.parametrize("words", [1, 10, 14, 15, 30, 50])
def test_the_kernels_read_the_weights_that_were_written(model, files, widened, opened, words):
    batch = model.tokenizer([" ".join(["good"] * words)], max_length=32)
    found, wanted, eight = (
        opened(path, model)(batch)["logits"] for path in (files / "int4.tflite", widened, files / "int8.tflite")
    )
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert np.abs(found - eight).max() > 1e-4  # there is something to see


def test_a_bundle_has_it_where_it_is_asked_for(model, opinion_file, tmp_path):
    asked = {"formats": "tflite", "quantize": "int4", "sequence_lengths": [16], "data": opinion_file}
    rows = export_bundle(model, tmp_path / "bundle", **asked, max_drop=100)
    assert [(row.format, row.failed) for row in rows] == [("tflite-int4", None)]
    (answer,) = load(tmp_path / "bundle")(["a good film"])
    assert answer["label"] in model.settings.labels


@pytest.mark.parametrize(
    "names",
    [
        "tflite-int4 tflite-int8 tflite-float16 tflite",
        "tflite-full-int8 tflite-int16x8 tflite-int8",  # which are not what int4 was wanted for
        "onnx-int8 onnx-int8-mixed onnx-float16 onnx",
        "mediapipe-int8 mediapipe",
    ],
)
def test_the_gentler_setting_is_the_next_of_the_format(names):
    names = names.split()
    assert [in_place_of(name) for name in names[:-1]] == names[1:]


def test_old_runtimes_cannot_have_it(model, tmp_path):
    with pytest.raises(ExportError, match=r"quantize is int4: TFLite 2.9 cannot run it; leave legacy_runtime out"):
        export_bundle(model, tmp_path / "bundle", formats="tflite", quantize="int4", legacy_runtime=True)
