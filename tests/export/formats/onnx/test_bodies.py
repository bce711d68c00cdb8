"""Tensors that the body of a loop reads from the graph around it."""

import onnx
import pytest
from onnx import TensorProto, helper

from kerasbert.export.formats.onnx.bodies import reads, rename
from kerasbert.export.formats.onnx.rewrites import remove_unread


def loop() -> onnx.NodeProto:
    """Multiplies its state by `w`, a tensor of the graph around it, and adds its own constant, in an inner branch."""
    same = helper.make_node("Identity", ["sum"], ["kept"])
    result = helper.make_tensor_value_info("kept", TensorProto.FLOAT, None)
    branch = helper.make_graph([same], "branch", [], [result])
    other = helper.make_graph([helper.make_node("Identity", ["v"], ["kept"])], "other", [], [result])
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "w"], ["product"]),
            helper.make_node("Add", ["product", "own"], ["sum"]),
            helper.make_node("If", ["go"], ["next"], then_branch=branch, else_branch=other),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("step", "go", "state")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("on", "next")],
        [helper.make_tensor("own", TensorProto.FLOAT, [1], [1.0])],
    )
    return helper.make_node("Loop", ["count", "", "start"], ["end"], body=body)


def test_a_loop_reads_its_inputs_and_what_its_body_lacks():
    assert reads(loop()) == ["count", "", "start", "w", "v"]
    assert reads(helper.make_node("Add", ["a", "b"], ["c"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("old", "found"), [("w", ["count", "", "start", "x", "v"]), ("v", ["count", "", "start", "w", "x"])]
)
def test_a_tensor_is_renamed_in_the_body_too(old, found):
    node = loop()
    rename(node, old, "x")
    assert reads(node) == found


def test_what_only_a_body_reads_is_kept():
    nodes = [helper.make_node("Abs", ["a"], ["w"]), helper.make_node("Abs", ["b"], ["unread"]), loop()]
    end = helper.make_tensor_value_info("end", TensorProto.FLOAT, None)
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0]) for name in ("v", "z")]
    graph = helper.make_graph(nodes, "graph", [], [end], constants)
    remove_unread(graph)
    assert [node.output[0] for node in graph.node] == ["w", "end"]
    assert [tensor.name for tensor in graph.initializer] == ["v"]
