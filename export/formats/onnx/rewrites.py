"""Rewrites tf2onnx's graphs into simpler ones: known sizes are not computed, and a norm is one operation.

Each rewrite looks for one form and leaves every other form alone, so the graph means the same before and after.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from kerasbert.export.formats.onnx.bodies import reads, rename

Size = int | tuple[str, int]
"""A number, or an axis of a tensor (name, axis), whose size is known only at run time."""


class Graph:
    """A graph whose nodes are found by the tensors that they write and read."""

    def __init__(self, proto: onnx.GraphProto):
        self.proto = proto
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.initializer}
        self.outputs = {tensor.name for tensor in proto.output}
        self.maker = {name: node for node in proto.node for name in node.output}
        self.readers = defaultdict(list)
        for node in proto.node:
            for name in reads(node):
                self.readers[name].append(node)

    def made_by(self, name: str, *kinds: str) -> NodeProto | None:
        """The node that writes a tensor, if it is of one of these kinds."""
        node = self.maker.get(name)
        return node if node is not None and node.op_type in kinds else None

    def connect(self, node: NodeProto, place: int, name: str) -> None:
        """Makes a node read another tensor."""
        self.readers[node.input[place]].remove(node)
        node.input[place] = name
        self.readers[name].append(node)

    def rename(self, node: NodeProto, old: str, new: str) -> None:
        """Makes a node read another tensor, in its bodies too."""
        rename(node, old, new)
        self.readers[old] = [each for each in self.readers[old] if each is not node]
        self.readers[new].append(node)

    def constant(self, name: str, value: np.ndarray) -> str:
        """Adds a constant, unless there is one of that name, and returns the name."""
        if name not in self.constants:
            self.constants[name] = value
            self.proto.initializer.append(numpy_helper.from_array(value, name))
        return name

    def axis(self, name: str, axis: int) -> Size:
        """An axis of a tensor, followed back to the tensor that it comes from."""
        while node := self.made_by(name, "Transpose", "Reshape"):
            if node.op_type == "Transpose":
                axis = _attribute(node, "perm")[axis]
            elif (shape := self.constants.get(node.input[1])) is None or shape[axis] != 0:
                break
            name = node.input[0]
        return name, axis

    def sizes(self, name: str) -> list[Size] | None:
        """The content of a tensor of sizes; None if it cannot be told from the graph."""
        if name in self.constants:
            return [int(size) for size in self.constants[name].ravel()]
        node = self.made_by(name, "Cast", "Squeeze", "Unsqueeze", "Concat", "Gather", "Slice")
        if node is None:
            return None
        if node.op_type == "Concat":
            parts = [self.sizes(part) for part in node.input]
            return None if None in parts else [size for part in parts for size in part]
        if node.op_type in ("Gather", "Slice"):
            return self._picked(node)
        return self.sizes(node.input[0])

    def _picked(self, node: NodeProto) -> list[Size] | None:
        """The sizes that a node takes out of the shape of a tensor."""
        source = node.input[0]
        while cast := self.made_by(source, "Cast"):
            source = cast.input[0]
        shape = self.made_by(source, "Shape")
        places = [self.constants.get(name) for name in node.input[1:]]
        if shape is None or any(place is None for place in places):
            return None
        if node.op_type == "Gather":
            axes = [int(axis) for axis in places[0].ravel()]
        else:
            axes = list(range(int(places[0].item()), int(places[1].item())))
        return [self.axis(shape.input[0], axis) for axis in axes] if all(0 <= axis < 8 for axis in axes) else None


def simplify(proto: onnx.ModelProto) -> None:
    """Runs all rewrites, and removes nodes and constants that are no longer read."""
    graph = Graph(proto.graph)
    for rewrite, kind in ((_reshape, "Reshape"), (_linear, "MatMul")):
        for node in proto.graph.node:
            if node.op_type == kind:
                rewrite(graph, node)
    remove_unread(proto.graph)
    inferred = onnx.shape_inference.infer_shapes(proto).graph
    ranks = {t.name: len(t.type.tensor_type.shape.dim) for t in (*inferred.input, *inferred.value_info)}
    graph = Graph(proto.graph)
    for node in proto.graph.node:
        if node.op_type == "Add":
            _norm(graph, node, ranks)
    remove_unread(proto.graph)


def remove_unread(proto: onnx.GraphProto) -> None:
    """Removes the nodes and constants that no output depends on."""
    needed, kept = {tensor.name for tensor in proto.output}, []
    for node in reversed(proto.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(reads(node))
    constants = [tensor for tensor in proto.initializer if tensor.name in needed]
    del proto.node[:], proto.initializer[:]
    proto.node.extend(reversed(kept))
    proto.initializer.extend(constants)


def _reshape(graph: Graph, node: NodeProto) -> None:
    """Replaces a computed shape, such as that of joined heads, by a constant with 0 for the axes that stay the same."""
    sizes = graph.sizes(node.input[1])
    if sizes is None or node.input[1] in graph.constants:
        return
    sizes = [0 if size == graph.axis(node.input[0], axis) else size for axis, size in enumerate(sizes)]
    if all(isinstance(size, int) for size in sizes):
        name = "shape_" + "_".join(map(str, sizes))
        graph.connect(node, 1, graph.constant(name, np.array(sizes, dtype="int64")))


def _linear(graph: Graph, node: NodeProto) -> None:
    """Removes the reshapes of (B, T, D) to (B * T, D) around a product, which only TensorFlow needs."""
    flat, results = graph.made_by(node.input[0], "Reshape"), list(graph.readers[node.output[0]])
    if flat is None or node.output[0] in graph.outputs:
        return
    x = flat.input[0]
    while (same := graph.made_by(x, "Transpose")) and _attribute(same, "perm") == sorted(_attribute(same, "perm")):
        x = same.input[0]
    for result in results:
        sizes = graph.sizes(result.input[1]) if result.op_type == "Reshape" else None
        if sizes is None or sizes[:-1] != [graph.axis(x, axis) for axis in range(len(sizes) - 1)]:
            return
    graph.connect(node, 0, x)
    for result in results:
        for reader in list(graph.readers[result.output[0]]):
            graph.rename(reader, result.output[0], node.output[0])


def _attribute(node: NodeProto, name: str):
    return helper.get_node_attr_value(node, name)


def _norm(graph: Graph, node: NodeProto, ranks: Mapping[str, int]) -> None:
    """Replaces the steps of `kerasbert.layers.layer_norm` by one operation of opset 17.

    ONNX Runtime would do the same when it opens the file; other runtimes do not.
    """
    scaled = graph.made_by(node.input[0], "Mul")
    divided = scaled and graph.made_by(scaled.input[0], "Div")
    centred = divided and graph.made_by(divided.input[0], "Sub")
    root = divided and graph.made_by(divided.input[1], "Sqrt")
    shifted = root and graph.made_by(root.input[0], "Add")
    variance = shifted and graph.made_by(shifted.input[0], "ReduceMean")
    square = variance and graph.made_by(variance.input[0], "Mul")
    mean = centred and graph.made_by(centred.input[1], "ReduceMean")
    if not square or not mean or mean.input[0] != centred.input[0] or list(square.input) != [centred.output[0]] * 2:
        return
    x, epsilon = centred.input[0], graph.constants.get(shifted.input[1])
    last = ([-1], [ranks.get(x, 0) - 1])
    if epsilon is None or any(_attribute(node, "axes") not in last for node in (mean, variance)):
        return
    inputs = [x, scaled.input[1], node.input[1]]
    norm = helper.make_node("LayerNormalization", inputs, list(node.output), axis=-1, epsilon=float(epsilon))
    node.CopyFrom(norm)
