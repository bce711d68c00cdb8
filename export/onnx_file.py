"""ONNX: the graph first, the weights after, under the names of our variables."""

import logging
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper

from kerasbert.errors import ExportError
from kerasbert.quiet import quiet

OPSET = 17


def write_onnx(model, path: Path) -> None:
    """Writes a model as an `.onnx` file of opset 17.

    Inputs: the model's, int64 (batch, sequence), both free, as transformers' exports have them. Output: `logits`,
    float32 (batch, labels).

    The weights are arguments of the traced function and become initializers afterwards: a graph without constants
    converts ten times faster than one that holds them (15 s against 147 s on BERT-base).

    Raises:
        ExportError: an operation that ONNX does not have.
    """
    variables = [variable for variable in model.variables if "seed_generator" not in variable.path]

    def answer(inputs: dict, weights: list) -> dict:
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            return {"logits": model(inputs, training=False)}

    signature = [
        {name: tf.TensorSpec((None, None), tf.int64, name=name) for name in model.encoder.input},
        [tf.TensorSpec(variable.shape, tf.float32, name=f"weight_{i}") for i, variable in enumerate(variables)],
    ]
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # it logs what it cannot convert; the checker raises
    with quiet():
        proto, _ = tf2onnx.convert.from_function(
            tf.function(answer, autograph=False, input_signature=signature), input_signature=signature, opset=OPSET
        )
    graph = proto.graph
    _restore_norms(graph)
    _attach(graph, {f"weight_{i}": variable for i, variable in enumerate(variables)})
    for tensor in graph.input:
        for size, name in zip(tensor.type.tensor_type.shape.dim, ("batch", "sequence"), strict=True):
            size.dim_param = name
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{path.name}: ONNX cannot express this model ({str(error).splitlines()[0]})") from error
    onnx.save(proto, path)


def _restore_norms(graph: onnx.GraphProto) -> None:
    """Writes LayerNorm as ONNX Runtime looks for it, to run it as one operation.

    tf2onnx writes a mean over the last of three axes as GlobalAveragePool, and a square as a product.
    """
    maker = {name: node for node in graph.node for name in node.output}
    squares = []
    for node in graph.node:
        if node.op_type == "GlobalAveragePool":
            node.op_type = "ReduceMean"
            node.attribute.append(onnx.helper.make_attribute("axes", [-1]))
            before = maker.get(node.input[0])
            if before is not None and before.op_type == "Mul" and before.input[0] == before.input[1]:
                squares.append(before)
    for node in squares:
        node.op_type, node.input[1] = "Pow", "two"
    if squares:
        graph.initializer.append(numpy_helper.from_array(np.float32(2), "two"))


def _attach(graph: onnx.GraphProto, weights: dict) -> None:
    """Turns the inputs that stand for weights into initializers, named by the path of their variable."""
    used = {name for node in graph.node for name in node.input}
    inputs = [tensor for tensor in graph.input if tensor.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for name, variable in weights.items():
        if name in used:
            value = np.asarray(keras.ops.convert_to_numpy(variable), dtype="float32")
            graph.initializer.append(numpy_helper.from_array(value, variable.path))
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in weights:
                node.input[place] = weights[name].path
