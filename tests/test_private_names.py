"""Private names of Keras, TensorFlow, tf2onnx and LiteRT that the package uses: each is listed and still there.

Where a release moves one, its test here fails and tells what it is for.
"""

import ast
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import lite

ROOT = Path(__file__).resolve().parents[1]
FILES = [path for name in ("kerasbert", "export", "cli") for path in sorted((ROOT / name).rglob("*.py"))]
PUBLIC = {("os", "_exit"), ("each", "_replace")}
"""Documented, in spite of the underscore."""


@dataclass(frozen=True)
class Private:
    """A private name, what it is for, and a check that it does what we count on."""

    package: str
    purpose: str
    works: Callable[[], bool]


def nested() -> keras.Model:
    """A model in a model, compiled."""
    model = keras.Sequential([keras.Input((2,)), keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])])
    model.compile(keras.optimizers.SGD(momentum=0.9), loss="mse", metrics=["mae"])
    return model


VARIABLES = [keras.Variable(np.zeros(size)) for size in (2, 3)]


def built(optimizer):
    optimizer.build(VARIABLES)
    return optimizer


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def flat_losses() -> bool:
    compiled = nested()._compile_loss
    compiled.build(np.zeros((2, 1)), np.zeros((2, 1)))
    (one,) = compiled._flat_losses
    return one._replace(loss=len).loss is len


def with_lora() -> keras.layers.Dense:
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    layer.enable_lora(1)
    return layer


def lets_go() -> bool:
    layer = with_lora()
    layer._tracker.unlock()
    layer._untrack_variable(layer.lora_kernel_a)
    layer._tracker.lock()
    return len(layer.weights) == 3


def onnx_passes() -> bool:
    from tf2onnx import optimizer

    from kerasbert.export.formats.onnx.file import PASSES

    return set(PASSES) <= optimizer._get_optimizers().keys()


def litert_operations() -> bool:
    from ai_edge_litert.interpreter import Interpreter

    function = tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec((1,))]).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    (node,) = Interpreter(model_content=content)._get_ops_details()
    return node.keys() >= {"index", "op_name", "inputs", "outputs"} and node["op_name"] == "ADD"


def converter_switch() -> bool:
    function = tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec((1,))]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    return converter._experimental_disable_per_channel_quantization_for_dense_layers is False


NAMES = {
    "_inbound_nodes": Private(
        "keras",
        "the calls of a layer, to follow a graph back to an encoder",
        lambda: [len(layer._inbound_nodes[0].input_tensors) for layer in nested().layers] == [1],
    ),
    "_keras_history": Private(
        "keras",
        "the layer that gave a symbolic tensor, the number of its call, and the place among its outputs",
        lambda: [type(each) for each in keras.Input((2,))._keras_history] == [keras.layers.InputLayer, int, int],
    ),
    "_flatten_layers": Private(
        "keras",
        "all layers of a model, however deep: whether one computes in float16, and the ones that draw masks",
        lambda: keras.layers.Dense in map(type, nested()._flatten_layers(include_self=False)),
    ),
    "_compile_loss": Private(
        "keras",
        "the losses that `compile` was given, with their targets and outputs found",
        lambda: callable(nested()._compile_loss) and not nested()._compile_loss.built,
    ),
    "_compile_metrics": Private(
        "keras",
        "the metrics that `compile` was given; whether their variables are made",
        lambda: nested()._compile_metrics.built is False,
    ),
    "_compute_loss": Private(
        "keras",
        "calls `compute_loss` of a subclass, with `training` if it takes it",
        lambda: parameters(keras.Model._compute_loss) == ["self", "x", "y", "y_pred", "sample_weight", "training"],
    ),
    "_flat_losses": Private("keras", "the losses one by one, replaced by ones that count in parts", flat_losses),
    "_symbolic_build": Private(
        "keras",
        "makes the variables of metrics from the specifications of a batch",
        lambda: parameters(keras.Model._symbolic_build) == ["self", "iterator", "data_batch"],
    ),
    "_loss_tracker": Private(
        "keras",
        "the mean of `loss` over an epoch, which our train step updates itself",
        lambda: isinstance(nested()._loss_tracker, keras.metrics.Mean),
    ),
    "_make_function": Private(
        "keras",
        "overridden: makes the function that `fit` and `evaluate` call",
        lambda: parameters(keras.Model._make_function) == ["self", "step_function"],
    ),
    "_maybe_symbolic_build": Private(
        "keras",
        "overridden: Keras would build a model by its first batch, which fails under several workers",
        lambda: parameters(keras.Model._maybe_symbolic_build) == ["self", "iterator", "data_batch"],
    ),
    "_all_reduce_sum_gradients": Private(
        "keras",
        "replaced: gradients are summed over the replicas before the optimizer clips them",
        lambda: parameters(keras.optimizers.SGD()._all_reduce_sum_gradients) == ["grads_and_vars"],
    ),
    "_apply_weight_decay": Private(
        "keras",
        "overridden: our optimizers decay each variable at its own rate",
        lambda: parameters(keras.optimizers.AdamW._apply_weight_decay) == ["self", "variables"],
    ),
    "_get_variable_index": Private(
        "keras",
        "a variable's place in `_momentums` and `_velocities`",
        lambda: [built(keras.optimizers.Lamb())._get_variable_index(each) for each in VARIABLES] == [0, 1],
    ),
    "_momentums": Private("keras", "LAMB's first moments", lambda: len(built(keras.optimizers.Lamb())._momentums) == 2),
    "_velocities": Private(
        "keras", "LAMB's second moments", lambda: len(built(keras.optimizers.Lamb())._velocities) == 2
    ),
    "_kernel": Private("keras", "a Dense's kernel without LoRA", lambda: with_lora()._kernel.shape == (2, 3)),
    "_tracker": Private("keras", "a built layer gives its matrices of LoRA up", lets_go),
    "_untrack_variable": Private("keras", "a built layer gives its matrices of LoRA up", lets_go),
    "_get_optimizers": Private("tf2onnx", "the optimizing passes by name", onnx_passes),
    "_get_ops_details": Private("ai_edge_litert", "the operations of a .tflite file", litert_operations),
    "_convert_from_saved_model": Private(
        "tensorflow",
        "the conversion to TFLite without further copies of the weights",
        lambda: parameters(lite.TFLiteSavedModelConverterV2._convert_from_saved_model) == ["self", "graph_def"],
    ),
    "_optimize_tflite_model": Private(
        "tensorflow",
        "the step after it, which changes nothing in files without integer arithmetic",
        lambda: parameters(lite.TFLiteSavedModelConverterV2._optimize_tflite_model)[:2] == ["self", "model"],
    ),
    "_experimental_disable_per_channel_quantization_for_dense_layers": Private(
        "tensorflow", "8-bit matrices with one scale, for old runtimes", converter_switch
    ),
}
"""Attribute -> what it is."""

MODULES = {
    "ai_edge_litert.schema_py_generated": ("ModelT", "BuiltinOperator"),
    "keras.src.losses.loss": ("scale_loss_for_distribution", "unscale_loss_for_distribution"),
    "tensorflow.compiler.tf2xla.python.xla": ("optimization_barrier",),
    "tensorflow.core.protobuf.saved_model_pb2": ("SavedModel",),
    "tensorflow.lite.python": ("lite",),
    "tensorflow_text.core.pybinds.tflite_registrar": ("SELECT_TFTEXT_OPS",),
    "tf2onnx.tfonnx": ("process_tf_graph",),
    "tf2onnx.optimizer": ("_get_optimizers",),
}
"""Module that is no part of a package's documented interface -> what we take from it."""


def is_private_module(name: str) -> bool:
    package, *rest = name.split(".")
    if package in ("tensorflow", "tensorflow_text", "tf2onnx"):
        return bool(rest)
    return name.startswith(("keras.src", "ai_edge_litert.schema")) or any(part.startswith("_") for part in rest)


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names() -> set[str]:
    """The private names that our own code defines: functions, classes, variables, attributes of self and fields."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {node.attr} if ast.unparse(node.value) in ("self", "cls") else set()
    return {name for name in found if is_private(name)} - NAMES.keys()


def used_names() -> set[str]:
    """The private attributes that our code reads or sets and does not define."""
    own, found = own_names(), set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and (ast.unparse(node.value), node.attr) not in PUBLIC:
                found.add(node.attr)
    return {name for name in found if is_private(name)} - own


def imported_modules() -> set[str]:
    """The private modules of other packages that our code imports, or imports from."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names if node.module != "os"}
    names = {name for name in found if is_private_module(name) and not name.startswith("kerasbert")}
    return {name for name in names if name in MODULES or (name.rpartition(".")[0] not in MODULES and is_module(name))}


def is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def overridden_names() -> set[str]:
    """The private methods of Keras that classes of ours replace."""
    for path in FILES:
        if path.is_relative_to(ROOT / "kerasbert" / "models") or path.is_relative_to(ROOT / "kerasbert" / "training"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    found = set()
    for kind in subclasses(keras.layers.Layer) | subclasses(keras.optimizers.Optimizer):
        if kind.__module__.startswith("kerasbert."):
            own, foreign = set(), set()
            for base in kind.__mro__:
                (own if base.__module__.startswith("kerasbert.") else foreign).update(vars(base))
            found |= {name for name in own & foreign if is_private(name) and not name.startswith("_abc_")}
    return found


def subclasses(kind: type) -> set[type]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(one) for one in found)) if found else found


@pytest.mark.parametrize("name", NAMES)
def test_a_private_name_is_where_it_was(name):
    assert NAMES[name].works(), f"{NAMES[name].package} has changed {name}, which is for: {NAMES[name].purpose}"


@pytest.mark.parametrize("name", MODULES)
def test_a_private_module_has_what_we_take_from_it(name):
    module = importlib.import_module(name)
    assert [what for what in MODULES[name] if not hasattr(module, what)] == []


def test_no_other_private_name_is_used_and_each_in_the_list_is():
    assert used_names() | overridden_names() == NAMES.keys()
    assert imported_modules() == MODULES.keys()
