"""What is inside the exported `.tflite` files, and that `read_graph` counts it right."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.errors import BundleError, ExportError
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.graph import read_graph
from kerasbert.runtime.manifest import Manifest

NAMES = ("bert", "roberta", pytest.param("distilbert", marks=pytest.mark.slow))
FILES = ("model.tflite", "model_int8.tflite")


def flatbuffer(path) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def operations(model: schema.ModelT) -> Counter:
    """The operations of a file by name, as its own tables have them."""
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    codes = [names[code.builtinCode] for code in model.operatorCodes]
    return Counter(codes[operation.opcodeIndex] for operation in model.subgraphs[0].operators)


def names_run_outside(path) -> Counter:
    """The operations outside the delegate, seen from memory: within it, no intermediate tensor is ever allocated."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], np.ones(tensor["shape"], tensor["dtype"]))
    interpreter.invoke()
    answers = {tensor["index"] for tensor in interpreter.get_output_details()}
    outside = []
    for node in interpreter._get_ops_details():
        (output,) = node["outputs"]
        try:
            interpreter.get_tensor(int(output))
        except ValueError:  # "Tensor data is null"
            continue
        if output not in answers:
            outside.append(node["op_name"])
    return Counter(outside)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", NAMES)
def test_one_partition_holds_nearly_all(exported, name, file):
    graph = read_graph(exported(name).bundle / file)
    assert graph["partitions"] == 1
    assert sum(graph["nodes_outside"].values()) <= (8 if name == "roberta" else 4)  # it counts positions
    assert sum(graph["operations"].values()) > 80


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", NAMES)
def test_the_counts_are_those_of_two_independent_readings(exported, name, file):
    path = exported(name).bundle / file
    graph, model = read_graph(path), flatbuffer(path)
    assert Counter(graph["operations"]) == operations(model)
    assert Counter(graph["nodes_outside"]) == names_run_outside(path)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", NAMES)
def test_no_flex_and_no_custom_operations(exported, name, file):
    model = flatbuffer(exported(name).bundle / file)
    assert len(model.subgraphs) == len(Manifest.read(exported(name).bundle).lengths)
    for code in model.operatorCodes:
        assert code.builtinCode != schema.BuiltinOperator.CUSTOM
        assert code.customCode is None


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_int32_of_one_text_and_a_fixed_length(exported, name, file):
    model = exported(name).model
    runner = Interpreter(model_path=str(exported(name).bundle / file)).get_signature_runner("serving_default")
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    assert set(inputs) == set(model.encoder.input)
    assert ("token_type_ids" in inputs) == (name == "bert")
    for tensor in inputs.values():
        assert (tensor["dtype"], tensor["shape"].tolist()) == (np.int32, [1, model.max_length])
        assert -1 not in tensor["shape_signature"]
    assert list(outputs) == ["logits"]
    assert (outputs["logits"]["dtype"], outputs["logits"]["shape"].tolist()) == (
        np.float32,
        [1, len(model.settings.labels)],
    )
    assert list(read_graph(exported(name).bundle / file)["inputs"].values()) == [[1, model.max_length]] * len(inputs)


def test_a_graph_in_pieces_is_counted_as_such(tmp_path):
    """A strided slice that shrinks an axis is no work for the delegate: it parts what stands before and behind."""
    weights = np.eye(8, dtype="float32")

    def chain(x):
        before = tf.matmul(tf.matmul(tf.nn.relu(x), weights), weights)
        return {"y": tf.matmul(before[:, 0], weights)}

    answer = tf.function(chain, input_signature=[tf.TensorSpec((1, 4, 8), tf.float32, name="x")])
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures=answer)
    path = tmp_path / "pieces.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    graph = read_graph(path)
    assert graph["partitions"] == 2
    assert graph["nodes_outside"] == {"STRIDED_SLICE": 1}


def test_int8_takes_at_most_a_third_of_float32(tmp_path):
    """Big enough that the weights, and not the tables around them, are the file."""
    config = BertConfig(
        vocab_size=4000,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
        max_position_embeddings=16,
    )
    model = TextClassifier(BertEncoder(config), labels=["a", "b"])
    paths = [tmp_path / file for file in FILES]
    write_tflite(model, dict(zip(paths, ("none", "int8"), strict=True)), Settings(lengths=[16]))
    assert paths[0].stat().st_size > 3.9 * model.count_params()
    assert paths[1].stat().st_size <= 0.3 * paths[0].stat().st_size
    stored = flatbuffer(paths[1])
    kinds = Counter(
        tensor.type
        for tensor in stored.subgraphs[0].tensors
        if stored.buffers[tensor.buffer].data is not None and np.prod(tensor.shape) >= 128 * 128
    )
    # 6 kernels a block, the pooler's and the table of words; positions are small, and added as they are.
    assert kinds[schema.TensorType.INT8] >= 2 * 6 + 1 + 1
    assert set(kinds) == {schema.TensorType.INT8}
    assert sorted(tmp_path.iterdir()) == sorted(paths)  # no scratch is left


def test_an_operation_that_tflite_lacks_is_named(tiny_classifier, tmp_path):
    model = TextClassifier.from_pretrained(tiny_classifier)
    model.encoder.blocks[0].intermediate.activation = lambda x: tf.raw_ops.Erfc(x=x)
    with pytest.raises(ExportError, match=r"^model.tflite: TFLite cannot express this model \(no tf.Erfc\)$"):
        write_tflite(model, {tmp_path / "model.tflite": "none"}, Settings(lengths=[8]))
    assert list(tmp_path.iterdir()) == []


def test_a_custom_operation_is_named_and_not_run(tmp_path):
    answer = tf.function(
        lambda x: {"y": tf.raw_ops.Erfc(x=x)}, input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures=answer)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    converter.allow_custom_ops = True
    (tmp_path / "custom.tflite").write_bytes(converter.convert())
    with pytest.raises(BundleError, match=r"custom.tflite: needs operations that LiteRT does not have: Erfc$"):
        read_graph(tmp_path / "custom.tflite")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1c\x00\x00\x00TFL3" + bytes(100)])
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    (tmp_path / "bad.tflite").write_bytes(content)
    with pytest.raises(BundleError, match=r"bad.tflite: not a whole TFLite model \(.+\); export again$"):
        read_graph(tmp_path / "bad.tflite")
