"""What is inside the exported `.onnx` file."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import numpy_helper

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export.onnx_file import write_onnx

NAMES = ("bert", "roberta", pytest.param("distilbert", marks=pytest.mark.slow))


@pytest.fixture(scope="module", params=NAMES)
def case(request, exported):
    """A model and its `.onnx`, read."""
    one = exported(request.param)
    return one.model, one.bundle / "model.onnx", onnx.load(one.bundle / "model.onnx")


def test_it_is_valid_and_of_opset_17(case):
    _, path, proto = case
    onnx.checker.check_model(str(path), full_check=True)  # shape inference too
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] == 17
    standard = {node.op_type for node in proto.graph.node if node.domain in ("", "ai.onnx")}
    assert standard == {node.op_type for node in proto.graph.node}


def test_inputs_are_int64_with_free_batch_and_sequence(case):
    model, _, proto = case

    def described(tensor):
        shape = [size.dim_param or size.dim_value for size in tensor.type.tensor_type.shape.dim]
        return tensor.type.tensor_type.elem_type, shape

    inputs = {tensor.name: described(tensor) for tensor in proto.graph.input}
    assert inputs == {name: (onnx.TensorProto.INT64, ["batch", "sequence"]) for name in model.encoder.input}
    (output,) = proto.graph.output
    assert (output.name, *described(output)) == ("logits", onnx.TensorProto.FLOAT, ["batch", len(model.labels)])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("length", [5, 17])
def test_it_runs_at_any_batch_and_length(case, batch, length):
    model, path, _ = case
    random = np.random.default_rng(0)
    mask = np.arange(length) < random.integers(2, length + 1, (batch, 1))
    values = {
        "input_ids": np.where(mask, random.integers(5, model.config.vocab_size, mask.shape), model.config.pad_token_id),
        "attention_mask": mask.astype(int),
        "token_type_ids": (mask & (np.arange(length) > 2)).astype(int),
    }
    values = {name: values[name] for name in model.encoder.input}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.astype("int64") for name, value in values.items()})[0]
    wanted = model.predict_on_batch({name: value.astype("int32") for name, value in values.items()})
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_initializers_are_the_model_s_variables_by_path(case):
    """All weights, each once, under the name that the Keras model has for it."""
    model, _, proto = case
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    assert len(stored) == len(proto.graph.initializer)
    for variable in model.weights:
        np.testing.assert_array_equal(stored.pop(variable.path), variable.numpy())
    assert sum(value.size for value in stored.values()) < 200  # what is left are the graph's own shapes and factors


def test_onnx_runtime_finds_every_layer_normalization(case, tmp_path):
    model, path, _ = case
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    # ONNX Runtime folds the sum before a norm into it.
    norms = found["LayerNormalization"] + found["SkipLayerNormalization"] + found["EmbedLayerNormalization"]
    assert norms == 2 * model.config.num_hidden_layers + 1
    assert found["ReduceMean"] == 0


def test_an_operation_that_onnx_lacks_is_named_and_nothing_written(tiny_classifier, tmp_path):
    """tf2onnx only logs it, and would write a file that no runtime opens."""
    model = TextClassifier.from_pretrained(tiny_classifier)
    model.encoder.blocks[0].intermediate.activation = lambda x: tf.raw_ops.Erfc(x=x)
    with pytest.raises(ExportError, match=r"^model.onnx: ONNX cannot express this model \(.*Erfc.*\)$"):
        write_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
