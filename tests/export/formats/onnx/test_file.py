"""What is inside the exported `.onnx` files, of each precision, and what ONNX Runtime makes of them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from kerasbert import BertConfig, BertEncoder, SentenceEncoder, TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export.formats.onnx import file as onnx_file
from kerasbert.export.formats.onnx.file import OPSET, write_onnx
from kerasbert.export.formats.onnx.weights import in_int8
from kerasbert.export.gate.bars import TOLERANCE, changed_labels, decide_answers, judge_numbers
from kerasbert.tasks.golden import PAIRS, TEXTS
from kerasbert.tasks.sentence_embedding import COSINE, cosine

MODELS = {
    "bert": None,  # the one that `tiny_classifier` trained
    "roberta": (TextClassifier, "roberta_classifier"),
    "distilbert": (TextClassifier, "distilbert_classifier"),
    "embedding": (SentenceEncoder, "bert"),
}
PRECISIONS = {"none": "float32", "float16": "float16", "int8-mixed": "int8-mixed", "int8": "int8"}
COMPUTES = {
    *("Add", "Cast", "Concat", "Div", "Erf", "Gather", "LayerNormalization", "MatMul", "Mul", "Reshape", "Shape"),
    *("Slice", "Softmax", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze"),
    "Relu",  # of a DistilBERT classifier
    *("CumSum", "Equal", "Not"),  # RoBERTa counts the tokens that are not padding
    *("Max", "Reciprocal", "ReduceMean", "Sqrt"),  # an embedding: the mean of the tokens, and its length
}
"""All operations of a float file, in opset 17."""
COMPUTES_IN_INT8 = COMPUTES | {
    *("DynamicQuantizeLinear", "MatMulInteger", "DequantizeLinear"),
    *("Abs", "Max", "ReduceMax"),
}


@dataclass
class Case:
    """A model, its files by how they store weights, and what is in them."""

    model: keras.Model
    files: dict[str, Path]

    def read(self, quantize: str) -> onnx.ModelProto:
        return onnx.load(self.files[quantize])

    def run(self, quantize: str, values: dict) -> np.ndarray:
        session = onnxruntime.InferenceSession(str(self.files[quantize]), providers=["CPUExecutionProvider"])
        # The last output: before a sentence's vector stand those of its tokens.
        return session.run(None, {name: values[name].astype("int64") for name in self.model.encoder.input})[-1]


def write_all(model, folder: Path) -> Case:
    files = {quantize: folder / f"model_{quantize}.onnx" for quantize in PRECISIONS}
    write_onnx(model, {path: quantize for quantize, path in files.items()})
    return Case(model, files)


@pytest.fixture(scope="module", params=MODELS)
def case(request, fixtures, tiny_classifier, tmp_path_factory):
    kind, name = MODELS[request.param] or (TextClassifier, tiny_classifier)
    return write_all(kind.from_pretrained(fixtures / name), tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def smaller_base(tmp_path_factory):
    """Base in its proportions: 12 heads, four times as wide within, more words than are in the blocks."""
    keras.utils.set_random_seed(0)
    sizes = {"hidden_size": 192, "num_hidden_layers": 2, "num_attention_heads": 12, "intermediate_size": 768}
    model = TextClassifier(BertEncoder(BertConfig(vocab_size=8000, **sizes)), labels=["bad", "good"])
    return write_all(model, tmp_path_factory.mktemp("onnx"))


@pytest.mark.parametrize("quantize", PRECISIONS)
def test_it_is_valid_of_opset_17_and_has_standard_operations_only(case, quantize):
    onnx.checker.check_model(str(case.files[quantize]), full_check=True)  # shape inference too
    proto = case.read(quantize)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert proto.ir_version == 8  # what came with opset 17
    assert not any(node.domain for node in proto.graph.node)
    assert {node.op_type for node in proto.graph.node} <= (COMPUTES_IN_INT8 if "int8" in quantize else COMPUTES)


@pytest.mark.parametrize("quantize", PRECISIONS)
def test_inputs_are_int64_outputs_float32_and_batch_and_sequence_free(case, quantize):
    def described(tensor):
        shape = [size.dim_param or size.dim_value for size in tensor.type.tensor_type.shape.dim]
        return tensor.type.tensor_type.elem_type, shape

    graph, model = case.read(quantize).graph, case.model
    inputs = {tensor.name: described(tensor) for tensor in graph.input}
    assert inputs == {name: (TensorProto.INT64, ["batch", "sequence"]) for name in model.encoder.input}
    width = model.output.shape[-1]
    expected = {"logits": ["batch", width]}
    if isinstance(model, SentenceEncoder):  # fastembed reads the first output, sentence-transformers this name
        expected = {"last_hidden_state": ["batch", "sequence", width], "sentence_embedding": ["batch", width]}
    assert [output.name for output in graph.output] == list(expected)
    for output in graph.output:
        assert described(output) == (TensorProto.FLOAT, expected[output.name])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("length", [5, 17])
def test_it_runs_at_any_batch_and_length(case, batch, length):
    random, model = np.random.default_rng(0), case.model
    mask = np.arange(length) < random.integers(2, length + 1, (batch, 1))
    values = {
        "input_ids": np.where(mask, random.integers(5, model.config.vocab_size, mask.shape), model.config.pad_token_id),
        "attention_mask": mask.astype("int32"),
        "token_type_ids": (mask & (np.arange(length) > 2)).astype("int32"),
    }
    values = {name: values[name].astype("int32") for name in model.encoder.input}
    np.testing.assert_allclose(case.run("none", values), model.predict_on_batch(values), atol=TOLERANCE)


def alike(found: np.ndarray, wanted: np.ndarray, bar: str) -> bool:
    """Whether two rows of numbers mean the same answer, or neither is sure of its own."""
    if bar == "vector":
        return cosine(found, wanted) >= COSINE
    changed, unclear = changed_labels(found, wanted, bar, "int8")
    return bool(np.all(~changed | unclear))


@pytest.mark.parametrize(("quantize", "precision"), PRECISIONS.items())
def test_it_answers_as_keras_does_alone_and_beside_longer_texts(case, quantize, precision):
    model = case.model
    texts = [*TEXTS, *(first for first, _ in PAIRS)]
    pairs = [*([None] * len(TEXTS)), *(second for _, second in PAIRS)]
    (output,) = model.graphs()[0].outputs
    wanted, found = [], []
    for text, pair in zip(texts, pairs, strict=True):
        second = None if pair is None else [pair]
        inputs = model.tokenizer([text], second, max_length=model.max_length)
        wanted.append(np.asarray(model.predict_on_batch(inputs))[0])
        found.append(case.run(quantize, inputs)[0])
    wanted = np.stack(wanted)
    assert decide_answers([alike(*each, output.bar) for each in zip(found, wanted, strict=True)], precision).passed
    assert judge_numbers(np.stack(found), wanted, output.bar, precision) == []
    together = case.run(quantize, model.tokenizer(TEXTS, max_length=model.max_length))
    assert judge_numbers(together, wanted[: len(TEXTS)], output.bar, precision) == []


def stored(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    assert len(arrays) == len(proto.graph.initializer)
    return arrays


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_initializers_are_the_model_s_variables_by_path(case, dtype):
    """All weights, each once, under the name that the Keras model has for it."""
    arrays = stored(case.read("none" if dtype == "float32" else dtype))
    for variable in case.model.weights:
        np.testing.assert_array_equal(arrays.pop(variable.path), variable.numpy().astype(dtype), strict=True)
    assert sum(array.size for array in arrays.values()) < 200  # what is left are the graph's own shapes and factors


@pytest.mark.parametrize("first", [0, 1])
def test_attention_and_a_layer_of_the_users_own_may_read_one_hidden_state(first):
    """Attention's inputs are rounded as they are, other inputs after their tokens are evened out."""
    names = ("block_1/attention/query/kernel", "mine/kernel")
    draw = np.random.default_rng(0)
    weights = {name: keras.Variable(draw.normal(size=(32, 32)).astype("float32")) for name in names}
    x = draw.normal(size=(1, 5, 32)).astype("float32")
    nodes = [helper.make_node("MatMul", ["x", name], [name[:4]]) for name in (names[first], names[1 - first])]
    given, *results = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 5, 32)) for name in ("x", *(n[:4] for n in names))
    )
    graph = helper.make_graph(nodes, "graph", [given], results)
    graph.initializer.extend(numpy_helper.from_array(each.values(), each.name) for each in in_int8(graph, weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    for name, product in zip(names, found, strict=True):
        np.testing.assert_allclose(product, x @ weights[name].numpy(), atol=0.3)


def test_int8_holds_every_matrix_and_table_in_8_bits(case):
    arrays = stored(case.read("int8"))
    for variable in case.model.weights:
        value, kept = variable.numpy(), arrays[variable.path]
        if min(value.shape) < 16 or value.ndim == 1:  # biases, norms, two segments, a head of few labels
            np.testing.assert_array_equal(kept.reshape(value.shape), value, strict=True)
            continue
        scale = arrays[f"{variable.path}_scale"]
        assert kept.dtype == np.int8
        assert (np.abs(kept * scale - value) <= 0.501 * scale).all()  # half a step of its column


def test_int8_takes_matrices_from_16_on(smallest_encoder, tmp_path):
    """All sides of this encoder's matrices are 16."""
    model = SentenceEncoder(smallest_encoder)
    write_onnx(model, {tmp_path / "model.onnx": "int8"})
    arrays = stored(onnx.load(tmp_path / "model.onnx"))
    kernels = [variable.path for variable in model.weights if variable.path.endswith("kernel")]
    assert {str(arrays[path].dtype) for path in kernels if path in arrays} == {"int8"}


def test_int8_multiplies_every_encoder_matrix_in_integers(case):
    proto = case.read("int8")
    arrays, model = stored(proto), case.model
    in_float = {name for node in proto.graph.node if node.op_type == "MatMul" for name in node.input if name in arrays}
    in_integers = [node.input[1] for node in proto.graph.node if node.op_type == "MatMulInteger"]
    assert in_float <= {"classifier/dense/kernel"}
    kernels = {v.path for v in model.weights if v.path.endswith("kernel")}
    assert sorted(in_integers) == sorted(kernels - in_float)
    # Two products of 8 bits are added in 16 by processors without VNNI, which must hold them.
    assert all(2 * 255 * np.abs(arrays[name].astype(int)).max() < 2**15 for name in in_integers)


def test_mixed_int8_multiplies_values_and_feed_forward_in_float32(smaller_base):
    """All matrices are in 8 bits there too."""
    graph, layers = smaller_base.read("int8-mixed").graph, smaller_base.model.config.num_hidden_layers
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    products = [node.input[1] for node in graph.node if node.op_type == "MatMulInteger"]
    widened = [node.input[0] for node in graph.node if node.op_type == "Cast" and node.input[0] in stored]
    spared = {"attention/value/kernel", "intermediate/kernel", "output/kernel"}
    assert sorted(widened) == sorted(f"block_{block}/{name}" for block in range(layers) for name in spared)
    assert len(products) == 3 * layers + 1  # query, key, attention output; the pooler
    assert {stored[name] for name in products + widened} == {TensorProto.INT8}


def test_onnx_runtime_widens_what_mixed_int8_spares_once_for_all(smaller_base, tmp_path):
    """Not in each run, and with nothing that rounds the input after all."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(smaller_base.files["int8-mixed"]), options, providers=["CPUExecutionProvider"])
    graph, layers = onnx.load(tmp_path / "optimised.onnx").graph, smaller_base.model.config.num_hidden_layers
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    in_float = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in stored]
    assert len(in_float) >= 3 * layers
    assert {stored[node.input[1]] for node in in_float} == {TensorProto.FLOAT}
    assert not [node for node in graph.node if node.op_type == "MatMulNBits"]


def test_int8_is_a_quarter_and_float16_a_half_of_float32(smaller_base):
    size = {quantize: path.stat().st_size for quantize, path in smaller_base.files.items()}
    assert size["int8"] <= 0.26 * size["none"]
    assert size["float16"] <= 0.51 * size["none"]


@pytest.mark.parametrize("quantize", PRECISIONS)
def test_the_graph_is_a_block_s_formula_and_no_more(smaller_base, quantize):
    """Norms are one operation, products take three axes, and no size is computed but the number of positions."""
    layers = smaller_base.model.config.num_hidden_layers
    found = Counter(node.op_type for node in smaller_base.read(quantize).graph.node)
    assert found["LayerNormalization"] == 2 * layers + 1
    assert found["MatMul"] + found["MatMulInteger"] == 8 * layers + 2  # and pooler and classifier
    assert found["Reshape"] <= 4 * layers + 2  # heads; the first token
    assert found["Shape"] <= 1
    assert found["DynamicQuantizeLinear"] <= 4 * layers + 2  # query, key and value share one but in the last block


def test_onnx_runtime_joins_each_int8_product_to_one_operation(smaller_base, tmp_path):
    """Else a quantised file is slower than a float one."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(smaller_base.files["int8"]), options, providers=["CPUExecutionProvider"])
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    products = 6 * smaller_base.model.config.num_hidden_layers + 1
    assert found["DynamicQuantizeMatMul"] + found["MatMulIntegerToFloat"] == products
    assert found["MatMulInteger"] == 0
    layers = smaller_base.model.config.num_hidden_layers
    assert (found["Gelu"], found["BiasGelu"]) == (layers, 0)  # BiasGelu is slower than Gelu and an addition
    assert found["ReduceMax"] == 2 * layers + 1  # only these even their tokens: the feed-forward, and the pooler


@pytest.mark.slow
def test_trained_vectors_keep_their_direction(minilm, tmp_path):
    model = SentenceEncoder.from_pretrained(minilm, max_length=64)
    case = write_all(model, tmp_path)
    inputs = model.tokenizer(TEXTS, max_length=64)
    vectors = model.predict_on_batch(inputs)
    likeness = {quantize: (vectors * case.run(quantize, inputs)).sum(-1) for quantize in PRECISIONS}
    assert likeness["float16"].min() > 0.99999
    assert likeness["int8"].min() > COSINE
    assert 1 - likeness["int8-mixed"].mean() < 0.5 * (1 - likeness["int8"].mean())


def test_an_operation_that_onnx_lacks_is_named_and_nothing_written(tiny_classifier, tmp_path):
    """tf2onnx only logs it, and would write a file that no runtime opens."""
    model = TextClassifier.from_pretrained(tiny_classifier)
    model.encoder.blocks[0].intermediate.activation = lambda x: tf.raw_ops.Erfc(x=x)
    with pytest.raises(ExportError, match=r"^model.onnx: ONNX cannot express this model \(.*Erfc.*\)$"):
        write_onnx(model, {tmp_path / "model.onnx": "none"})
    assert list(tmp_path.iterdir()) == []


def test_a_file_beyond_protobuf_s_limit_is_refused(tiny_classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST", 10_000)
    with pytest.raises(ExportError, match=r"^model.onnx: .* GB, and an .onnx file holds 2: use float16 or int8$"):
        write_onnx(TextClassifier.from_pretrained(tiny_classifier), {tmp_path / "model.onnx": "none"})
    assert list(tmp_path.iterdir()) == []
