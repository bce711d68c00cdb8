"""Graphs before and after `simplify`, run by ONNX Runtime on the same numbers."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kerasbert.export.formats.onnx.rewrites import simplify

X = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
"""(B, T, D) = (2, 5, 6)."""


def graph(nodes: list[tuple], constants: dict) -> onnx.ModelProto:
    """`x` -> `y`; a node is (kind, inputs, output, attributes)."""
    return helper.make_model(
        helper.make_graph(
            [helper.make_node(kind, inputs.split(), [output], **more) for kind, inputs, output, more in nodes],
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "sequence", 6])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def kinds_after(proto: onnx.ModelProto) -> Counter:
    """What is left of a graph, which still gives the same."""
    before = run(proto)
    simplify(proto)
    np.testing.assert_allclose(run(proto), before, rtol=1e-5, atol=1e-6)
    return Counter(node.op_type for node in proto.graph.node)


def run(proto: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})[0]


def product(lead: list[int]) -> onnx.ModelProto:
    """(B, T, 6) as (B * T, 6), times (6, 4), and in the shape of these two axes of x and 4."""
    nodes = [
        ("Shape", "x", "sizes", {}),
        ("Reshape", "x flat", "rows", {}),
        ("MatMul", "rows kernel", "product", {}),
        ("Gather", "sizes places", "lead", {}),
        ("Concat", "lead width", "shape", {"axis": 0}),
        ("Reshape", "product shape", "result", {}),
        ("Relu", "result", "y", {}),
    ]
    constants = {
        "flat": np.array([-1, 6]),
        "kernel": np.random.default_rng(1).normal(size=(6, 4)).astype("float32"),
        "places": np.array(lead),
        "width": np.array([4]),
    }
    return graph(nodes, constants)


def test_a_product_of_three_axes_is_one_operation():
    assert kinds_after(product([0, 1])) == {"MatMul": 1, "Relu": 1}


def test_a_product_that_is_reshaped_otherwise_stays():
    assert kinds_after(product([1, 0]))["Reshape"] == 2


def test_joining_heads_needs_no_computed_shape():
    """(B, N, T, H) -> (B, T, N * H), with the sizes taken from before the transposition."""
    nodes = [
        ("Reshape", "x heads", "split", {}),
        ("Transpose", "split", "q", {"perm": [0, 2, 1, 3]}),
        ("Shape", "q", "sizes", {}),
        ("Gather", "sizes places", "lead", {}),
        ("Concat", "lead width", "shape", {"axis": 0}),
        ("Transpose", "q", "merged", {"perm": [0, 2, 1, 3]}),
        ("Reshape", "merged shape", "y", {}),
    ]
    constants = {"heads": np.array([0, 0, 2, 3]), "places": np.array([0, 2]), "width": np.array([6])}
    assert kinds_after(graph(nodes, constants)) == {"Reshape": 2, "Transpose": 2}


def norm(axes: list[int]) -> onnx.ModelProto:
    """The steps of `LayerNorm`, over some axes."""
    nodes = [
        ("ReduceMean", "x", "mean", {"axes": axes}),
        ("Sub", "x mean", "centred", {}),
        ("Mul", "centred centred", "square", {}),
        ("ReduceMean", "square", "variance", {"axes": axes}),
        ("Add", "variance epsilon", "shifted", {}),
        ("Sqrt", "shifted", "root", {}),
        ("Div", "centred root", "normed", {}),
        ("Mul", "normed gamma", "scaled", {}),
        ("Add", "scaled beta", "y", {}),
    ]
    random = np.random.default_rng(2)
    constants = {
        "epsilon": np.float32(1e-3),
        "gamma": random.normal(size=6).astype("float32"),
        "beta": random.normal(size=6).astype("float32"),
    }
    return graph(nodes, constants)


@pytest.mark.parametrize("axis", [2, -1])
def test_the_steps_of_a_norm_are_one_operation(axis):
    assert kinds_after(norm([axis])) == {"LayerNormalization": 1}


@pytest.mark.parametrize("axes", [[1], [1, 2]])
def test_a_norm_over_other_axes_stays(axes):
    assert kinds_after(norm(axes))["ReduceMean"] == 2
