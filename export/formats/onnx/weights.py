"""How an `.onnx` file stores its weights: in 32, 16 or 8 bits.

Each function takes a graph whose inputs are the weights, changes the nodes that read them, and returns the tensors to
store.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from kerasbert.export.formats.onnx.bodies import reads, rename

Weights = Mapping[str, keras.Variable]
"""Variables by path; the path is also the name of the tensor."""

SMALL = 16
"""A matrix with a side shorter than this stays in float32 in an int8 file. It is small, and the rounding of a head with
few labels would go straight into the answer."""
STEPS = 63
"""The int8 weights of a matrix go from -63 to 63, not to 127.

Processors without VNNI add two 8-bit products in 16 bits, which may overflow for weights above 64; ONNX Runtime
silently cuts such sums off. A browser's relaxed SIMD wants 7 bits too. On AVX2, the logits of a random BERT-base were
off by 0.04 with 127 steps and by 0.007 with 63. The least cosine of MiniLM's embeddings is 0.979 with 127 steps there,
0.985 where nothing is cut off, and 0.983 with 63 everywhere."""
ALL_STEPS = 127
"""The same for weights that become float32 again before they are multiplied."""
SPARED = re.compile(r"attention/value/|/intermediate/|block_\d+/output/")
"""Paths of the matrices whose inputs `in_int8_mixed` does not round."""
TOGETHER = re.compile(r"/attention/")
"""Paths of the matrices whose inputs are rounded as they are; tokens are evened out before the others (`_even`).

Evening these too gains nothing: MiniLM's embeddings of 57 texts have a mean 1 - cosine of 0.0045 without it, of 0.0050
with it, and of 0.0094 if no inputs are evened. It would take a tenth of the time of BERT-base."""
BEFORE_GELU = re.compile(r"/intermediate/bias$")
"""Paths of the biases that an int8 file stores as (1, width). ONNX Runtime fuses a bias of one axis with GELU, and its
fused operation takes twice as long as the two (5.2 ms against 2.7 ms and 1.5 ms, BERT-base on AVX-512)."""
TINY = "tiny"
"""Name of a constant: the least number that a token is divided by, since it may be all zeros."""


@dataclass(frozen=True)
class Stored:
    """A tensor of the file. Its values are computed when they are written, so only one is in memory at a time."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: Callable[[], np.ndarray]

    @property
    def onnx_type(self) -> int:
        return helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def in_float32(graph: GraphProto, weights: Weights) -> list[Stored]:
    """Weights as they are."""
    return [_stored(name, weights[name], "float32") for name in _readers(graph, weights)]


def in_float16(graph: GraphProto, weights: Weights) -> list[Stored]:
    """Half the size, computed in float32: a runtime widens the weights once, when it opens the file.

    So the file is as fast as float32 on a CPU (a float16 graph took 1.00 to 1.08 times as long, since CPUs only widen),
    no sum overflows, and it also runs on a GPU without 16-bit arithmetic.
    """
    read = list(_readers(graph, weights))
    nodes, widened = [], {}
    for node in graph.node:
        picked = _picks(node) and node.input[0] in weights
        for name in reads(node):
            if name in weights and not (picked and name == node.input[0]):
                if name not in widened:
                    widened[name] = f"{name}_float32"
                    nodes.append(_to_float32(name, widened[name]))
                rename(node, name, widened[name])
        nodes.append(node)
        if picked:  # only the rows that were taken from the table are widened
            result = node.output[0]
            node.output[0] = f"{result}_float16"
            nodes.append(_to_float32(node.output[0], result))
    _set_nodes(graph, nodes)
    return [_stored(name, weights[name], "float16") for name in read]


def in_int8(graph: GraphProto, weights: Weights, *, spared: Callable[[str], bool] = lambda name: False) -> list[Stored]:
    """A quarter of the size: matrices and tables in 8 bits, with one scale per column.

    A matrix is multiplied in integers, and its input is rounded to 8 bits at run time; ONNX Runtime fuses this into one
    operation. A `spared` matrix has 8 bits in the file too, but becomes float32 when a runtime opens the file, and its
    input is not rounded. Rows that are taken from a table become float32 again.
    """
    graph.initializer.append(numpy_helper.from_array(np.finfo(np.float32).tiny, TINY))
    weights = _with_transposed(graph, weights)
    readers = _readers(graph, weights)
    matrices, tables = (
        {name for name in readers if _large(weights[name]) and all(reads(node, name) for node in readers[name])}
        for reads in (_multiplies, lambda node, name: _picks(node) and node.input[0] == name)
    )
    widened = {name for name in matrices if spared(name)}
    scales = {name: _scales(weights[name], STEPS) for name in matrices - widened}
    scales |= {name: _scales(weights[name], ALL_STEPS) for name in tables | widened}
    nodes, rounded = [], {}
    for name in sorted(widened):
        # No DequantizeLinear: ONNX Runtime does not compute it in advance, but fuses it with the product (MatMulNBits),
        # which rounds the input after all and takes longer than float32.
        nodes.append(_to_float32(name, f"{name}_steps"))
        nodes.append(helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [f"{name}_float32"]))
    for node in graph.node:
        if _multiplies(node) and node.input[1] in widened:
            node.input[1] = f"{node.input[1]}_float32"
            nodes.append(node)
        elif _multiplies(node) and node.input[1] in matrices:
            x = node.input[0]
            if x not in rounded:  # query, key and value share one input, perhaps with a layer of the user's own
                largest = None if TOGETHER.search(node.input[1]) else f"{x}_largest"
                rounded[x] = [f"{x}_int8", f"{x}_scale", f"{x}_zero", largest]
                nodes += _round(x, *rounded[x])
            nodes += _multiply(node, *rounded[x])
        elif _picks(node) and node.input[0] in tables:
            result = node.output[0]
            node.output[0] = f"{result}_int8"
            scale = f"{node.input[0]}_scale"
            nodes += [node, helper.make_node("DequantizeLinear", [node.output[0], scale], [result], axis=-1)]
        else:
            nodes.append(node)
    _set_nodes(graph, nodes)
    stored = []
    for name in readers:
        if name not in scales:
            bias = _stored(name, weights[name], "float32")
            flat = BEFORE_GELU.search(name) and f"{name.removesuffix('bias')}kernel" not in widened
            stored.append(replace(bias, shape=(1, *bias.shape)) if flat else bias)
            continue
        scale = scales[name]
        stored.append(_stored(name, weights[name], "int8", scale))
        stored.append(Stored(f"{name}_scale", "float32", scale.shape, lambda scale=scale: scale))
    return stored


def _with_transposed(graph: GraphProto, weights: Weights) -> Weights:
    """The weights, with each transposed one as a matrix of its own, which the graph then reads.

    The head of masked words multiplies with the word table. In 8 bits the table has a scale for each number of a vector
    and the matrix one for each word, so they share no steps.
    """
    nodes, found = [], dict(weights)
    for node in graph.node:
        if node.op_type == "Transpose" and node.input[0] in weights and _large(weights[node.input[0]]):
            name = f"{node.input[0]}_transposed"
            found[name] = _array(weights[node.input[0]]).T
            for reader in graph.node:
                rename(reader, node.output[0], name)
        else:
            nodes.append(node)
    _set_nodes(graph, nodes)
    return found


def in_int8_mixed(graph: GraphProto, weights: Weights) -> list[Stored]:
    """As small as `in_int8`, with half of its error and a quarter more time: values and the feed-forward are spared.

    In 8 bits, more is lost by rounding the inputs of these matrices than by rounding the weights. The embeddings of 17
    texts by MiniLM differ from those in float32 by this 1 - cosine, and take this share of the time of int8 for 128
    tokens: nothing spared 0.0063 (1), values 0.0041 (1.02), values and feed-forward 0.0010 (1.26), all matrices 0.0008
    (1.35, as long as float32 takes).
    """
    return in_int8(graph, weights, spared=lambda name: SPARED.search(name) is not None)


PRECISIONS = {"none": in_float32, "float16": in_float16, "int8-mixed": in_int8_mixed, "int8": in_int8}
"""How a file stores its weights -> the function for it."""


def _round(x: str, rounded: str, scale: str, zero: str, largest: str | None) -> list[NodeProto]:
    """Rounds an input to 8 bits, after dividing each token by its `largest` number; None: as it is.

    ONNX has one scale for all tokens, and some tokens hold far larger numbers than others.
    """
    evened = f"{x}_even" if largest else x
    return [
        *(_even(x, evened, largest) if largest else ()),
        helper.make_node("DynamicQuantizeLinear", [evened], [rounded, scale, zero]),
    ]


def _even(x: str, result: str, largest: str) -> list[NodeProto]:
    return [
        helper.make_node("Abs", [x], [f"{x}_abs"]),
        helper.make_node("ReduceMax", [f"{x}_abs"], [f"{x}_most"], axes=[-1]),
        helper.make_node("Max", [f"{x}_most", TINY], [largest]),
        helper.make_node("Div", [x, largest], [result]),
    ]


def _multiply(node: NodeProto, x: str, x_scale: str, x_zero: str, largest: str | None) -> list[NodeProto]:
    """The product of a rounded input and an int8 matrix, as float32. largest: what its tokens were divided by."""
    weight, result = node.input[1], node.output[0]
    product = f"{result}_even" if largest else result
    return [
        helper.make_node("MatMulInteger", [x, weight, x_zero], [f"{result}_int32"]),
        _to_float32(f"{result}_int32", f"{result}_float32"),
        helper.make_node("Mul", [x_scale, f"{weight}_scale"], [f"{result}_scale"]),
        helper.make_node("Mul", [f"{result}_float32", f"{result}_scale"], [product]),
        *([helper.make_node("Mul", [product, largest], [result])] if largest else ()),
    ]


def _to_float32(name: str, result: str) -> NodeProto:
    return helper.make_node("Cast", [name], [result], to=TensorProto.FLOAT)


def _picks(node: NodeProto) -> bool:
    return node.op_type in ("Gather", "Slice")


def _multiplies(node: NodeProto, name: str | None = None) -> bool:
    return node.op_type == "MatMul" and name in (None, node.input[1])


def _large(variable: keras.Variable) -> bool:
    return len(variable.shape) == 2 and min(variable.shape) >= SMALL


def _readers(graph: GraphProto, weights: Weights) -> dict[str, list[NodeProto]]:
    """Names of the weights that nodes read -> these nodes, in the order of the weights."""
    found = {name: [] for name in weights}
    for node in graph.node:
        for name in dict.fromkeys(reads(node)):
            if name in found:
                found[name].append(node)
    return {name: nodes for name, nodes in found.items() if nodes}


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype="float32")


def _scales(variable: keras.Variable, steps: int) -> np.ndarray:
    """The size of a step, for each column."""
    return np.maximum(np.abs(_array(variable)).max(axis=0), np.finfo(np.float32).tiny) / np.float32(steps)


def _stored(name: str, variable: keras.Variable, dtype: str, scale: np.ndarray | None = None) -> Stored:
    def values():
        array = _array(variable)
        return array.astype(dtype) if scale is None else np.rint(array / scale).astype(dtype)

    return Stored(name, dtype, tuple(variable.shape), values)


def _set_nodes(graph: GraphProto, nodes: list[NodeProto]) -> None:
    """Replaces the nodes of a graph. They are copied first, because emptying the graph destroys its own."""
    copies = GraphProto(node=nodes)
    graph.ClearField("node")
    graph.node.extend(copies.node)
