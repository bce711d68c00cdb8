"""ONNX: the graph is converted without weights; the weights go straight from the model into the file."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper
from tf2onnx import optimizer, tfonnx

from kerasbert import protobuf
from kerasbert.errors import ExportError
from kerasbert.export.formats.facts import facts_of, in_words
from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.onnx.rewrites import simplify
from kerasbert.export.formats.onnx.weights import PRECISIONS, Stored
from kerasbert.export.formats.settings import Settings
from kerasbert.export.variants import OUTPUTS, parts_of
from kerasbert.models.functions import GraphFunction
from kerasbert.quiet import quiet
from kerasbert.tasks.task import Graph

OPSET = 17
PASSES = ("fold_constants", "merge_duplication", "remove_identity", "remove_back_to_back")
"""The optimisers of tf2onnx that are run, once each. By default it runs all of them on copies until nothing changes,
which took most of the time of an export."""
AXES = {"cache": "places"}
"""Axis of an input -> the name of its second axis; "sequence" for all others."""
LARGEST = 2**31 - 1
"""Most bytes that a protobuf message may have."""


def write_onnx(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as `.onnx` files of opset 17 that differ in how they store the weights.

    Inputs: the model's, int64 (batch, sequence), both axes free, as in transformers' exports, and float32 (batch,
    width) for numbers. A model of several graphs is a file for each of them (`kerasbert.export.variants.PARTS`), and
    what a graph reads of another one is float32 (batch, sequence, width), and a cache (batch, places, width). Outputs:
    those of the graph under the hub's names, float32 (batch, ...) in every precision. Before a `sentence_embedding`
    stands `last_hidden_state`, the vectors of its tokens, because optimum, sentence-transformers and fastembed read
    these and pool them themselves. Metadata: `facts_of`. All
    operations are ONNX's own, so any runtime with opset 17 runs the file. ONNX Runtime fuses some of them into
    operations of its domain com.microsoft (Attention, SkipLayerNormalization, BiasGelu) when it opens the file. A graph
    that was written with these was 1.04 times as slow on a CPU, in float32 and in int8 (BERT-base, 128 tokens).

    The weights are arguments of the traced function. So TensorFlow, tf2onnx and the checker see a graph without large
    constants, and the model is not copied in memory: BERT-base takes 7 s and 0.2 GB instead of 147 s.

    Args:
        model: a Keras model with float32 variables.
        targets: file -> "none", "float16", "int8-mixed" or "int8"; see `kerasbert.export.formats.onnx.weights`.
        settings: not read; an `.onnx` file has no settings but how it stores the weights.

    Raises:
        ExportError: an operation that ONNX does not have, or a file of more than 2 GB.
    """
    weights = {variable.path: variable for variable in model.variables if "seed_generator" not in variable.path}
    functions, facts = model.functions(), in_words(facts_of(model))
    for function in functions:
        with quiet():
            bare = _convert(model, function, weights)
        simplify(bare)
        helper.set_model_props(bare, facts)
        for target, quantize in targets.items():
            parts = parts_of("onnx", target.name, [each.graph.name for each in functions])
            (path,) = [target.with_name(name) for name, graphs in parts.items() if function.graph.name in graphs]
            proto = onnx.ModelProto()
            proto.CopyFrom(bare)
            tensors = PRECISIONS[quantize](proto.graph, weights)
            _check(proto, tensors, function.graph, path)
            _save(proto, tensors, path)


def _outputs(model, function: GraphFunction) -> tuple[list[str], Callable[[dict], dict]]:
    """The file's outputs in their order, by the hub's names, and the function that computes them."""
    hub = OUTPUTS["onnx"]
    names = {each.name: hub.get(each.name, each.name) for each in function.graph.outputs}
    if "embedding" in names:
        both = {hub["sequence_output"]: model.encoder.output["sequence_output"], hub["embedding"]: model.output}
        whole = keras.Model(model.input, both)
        return list(both), lambda inputs: whole(inputs, training=False)
    return list(names.values()), lambda inputs: {names[name]: x for name, x in function.call(inputs).items()}


def _convert(model, function: GraphFunction, weights: Mapping[str, keras.Variable]) -> onnx.ModelProto:
    """A graph of the model, whose inputs are its inputs and, by their paths, the model's weights."""

    order, outputs = _outputs(model, function)

    def answer(inputs: dict, values: list) -> dict:
        with keras.StatelessScope(state_mapping=list(zip(weights.values(), values, strict=True))):
            return outputs(inputs)

    signature = [
        specifications(function.graph, ids=tf.int64, like=function.inputs),
        [tf.TensorSpec(variable.shape, tf.float32, name=f"weight_{i}") for i, variable in enumerate(weights.values())],
    ]
    traced = tf.function(answer, autograph=False, input_signature=signature).get_concrete_function()
    names = {f"{name}:0": name for name in function.inputs}
    names |= {f"weight_{i}:0": path for i, path in enumerate(weights)}
    names |= {tensor.name: name for name, tensor in traced.structured_outputs.items()}
    logging.getLogger("tf2onnx").setLevel(
        logging.CRITICAL
    )  # it logs operations that it cannot convert; the checker raises for them
    with traced.graph.as_default():
        # Not tf2onnx.convert.from_function: it freezes, optimises and imports the graph again because of its weights.
        graph = tfonnx.process_tf_graph(
            traced.graph,
            continue_on_error=True,
            opset=OPSET,
            input_names=[tensor.name for tensor in traced.inputs],
            output_names=[traced.structured_outputs[name].name for name in order],
            tensors_to_rename=names,
        )
    known = optimizer._get_optimizers()  # a table without a public name
    for name in PASSES:
        graph = known[name]().optimize(graph, 0) or graph
    proto = graph.make_model("kerasbert")
    del proto.opset_import[:]
    proto.opset_import.append(helper.make_opsetid("", OPSET))  # tf2onnx names a second domain, which no operation uses
    return proto


def _check(proto: onnx.ModelProto, tensors: Sequence[Stored], computed: Graph, path: Path) -> None:
    """Names the free axes and runs ONNX's checker, with types and shapes, while the weights are still inputs.

    Raises:
        ExportError: the checker found an error.
    """
    graph = proto.graph
    second = {each.name: AXES.get(each.axis, "sequence") for each in computed.inputs}
    kept = [tensor for tensor in graph.input if tensor.name in second]
    for tensor in (*kept, *graph.output):
        axes = tensor.type.tensor_type.shape.dim
        for size, name in zip(axes, ("batch", second.get(tensor.name, "sequence")), strict=False):
            if not size.dim_value:
                size.dim_param = name
    del graph.input[:]
    graph.input.extend(kept)
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    whole.graph.input.extend(helper.make_tensor_value_info(t.name, t.onnx_type, t.shape) for t in tensors)
    try:
        onnx.checker.check_model(whole, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"{path.name}: ONNX cannot express this model ({str(error).splitlines()[0]})") from error


def _save(proto: onnx.ModelProto, tensors: Sequence[Stored], path: Path) -> None:
    """Writes the graph, and then one weight after the other. Protobuf itself would hold all of them in memory twice.

    Protobuf's encoding lets a message be written in pieces. Here these are the model's field 7 (the graph), its fields
    5 (the initializers), and their last field, 9 (the bytes); see onnx.proto.

    Raises:
        ExportError: the file would have more than 2 GB, which no reader of protobuf opens.
    """
    graph = proto.graph.SerializeToString()
    proto.ClearField("graph")
    heads = []
    for tensor in tensors:
        head = TensorProto(name=tensor.name, dims=tensor.shape, data_type=tensor.onnx_type).SerializeToString()
        head += protobuf.head(9, tensor.bytes)
        heads.append(protobuf.head(5, len(head) + tensor.bytes) + head)
    total = len(graph) + sum(map(len, heads)) + sum(tensor.bytes for tensor in tensors)
    if total > LARGEST:
        raise ExportError(f"{path.name}: {total / 1e9:.1f} GB, and an .onnx file holds 2: use float16 or int8")
    with path.open("wb") as file:
        file.write(proto.SerializeToString() + protobuf.head(7, total) + graph)
        for head, tensor in zip(heads, tensors, strict=True):
            file.write(head)
            file.write(np.ascontiguousarray(tensor.values(), dtype=tensor.dtype).data)
