"""A `.tflite` file whose head learns on the device from a few texts of its user; the encoder does not change."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.schema_py_generated import BuiltinOperator

from kerasbert.errors import ExportError
from kerasbert.export.formats.facts import NAME, facts_of
from kerasbert.export.formats.scores import SCORES
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.converter import converted
from kerasbert.export.formats.tflite.entries import open_model, with_entry, write_pieces

MOMENTUM = 0.9


def _one_label(logits, label) -> tuple:
    wanted = tf.one_hot(label, logits.shape[-1])
    return -tf.reduce_sum(wanted * tf.nn.log_softmax(logits)), tf.nn.softmax(logits) - wanted


def _several_labels(logits, label) -> tuple:
    # log(1 + exp(x)) - x * label, written so that it never overflows
    losses = tf.nn.relu(logits) - logits * label + tf.math.log(1.0 + tf.exp(-tf.abs(logits)))
    return tf.reduce_mean(losses), (tf.nn.sigmoid(logits) - label) / logits.shape[-1]


def _number(value, label) -> tuple:
    return tf.reduce_mean(tf.square(value - label)), 2.0 * (value - label)


LOSSES: dict[str, tuple[tf.DType, Callable]] = {
    "choice": (tf.int32, _one_label),
    "choices": (tf.float32, _several_labels),
    "number": (tf.float32, _number),
}
"""Kind of the output's numbers -> type of a label, and (logits, label) -> Keras's loss and its gradient by logits."""


def write_trainable(model, targets: Mapping[Path, str], settings: Settings) -> None:
    """Writes a text classifier as `.tflite` files with four signatures. All operations are built into LiteRT.

    - `infer`: the model's inputs, int32 (1, length) -> `logits` and `scores`, float32 (1, labels);
    - `train`: the same, `label` and `learning_rate` (float32, a scalar) -> `loss`, float32 (1,), from before the step.
      A label is its number, int32 (1,); 0 or 1 for each label, float32 (1, labels); or a value, float32 (1, 1);
    - `save`: `nothing`, int32 (1,), because Android's interpreter refuses a call without inputs -> `kernel`, float32
      (width, labels), and `bias`, (labels,), which the app keeps in a file of its own;
    - `load`: `kernel` and `bias` -> `bias`. The momentum starts again at 0.

    A step is a step of Keras's SGD with momentum on the head's last linear layer, with its gradient written out. The
    encoder runs once per text, without dropout. The learned weights live in the interpreter. TensorFlow's own guide to
    training on a device uses checkpoints for `save` and `load`; these need Flex, an add-on as large as a small model.

    Args:
        model: a `TextClassifier` or a `NextSentenceScorer` with float32 variables.
        targets: file -> "none" or "int8". With int8 only the encoder has 8-bit weights: the head's variables stay in
            float32, which small steps need.
        settings: the inputs have the longest length; shorter texts are padded.

    Raises:
        ExportError: the converter failed, or needed operations that are not built into LiteRT.
    """
    facts = json.dumps(facts_of(model), ensure_ascii=False).encode()
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    signatures = _signatures(model, module, settings.longest)
    for path, content in converted(module, signatures, targets, legacy_runtime=settings.legacy_runtime):
        foreign = foreign_operations(content)
        if foreign:
            raise ExportError(f"{path.name}: needs operations that LiteRT does not have: {', '.join(foreign)}")
        write_pieces(path, with_entry(content, NAME, facts))


def _signatures(model, module: tf.Module, length: int) -> dict[str, Callable]:
    """The four functions by name. Their variables belong to `module`."""
    head = model.get_layer(model.heads[0])
    encoder = keras.Model(model.input, head.input)
    (output,) = model.graphs()[0].outputs
    label_type, loss_of = LOSSES[output.bar]
    # The bias is a row, so that no step reshapes its gradient. TFLite's own kernels multiply in place, and a reshaped
    # tensor shares the memory of the original, which the kernel's step reads afterwards (LiteRT issue 8889). They run
    # where the CPU's delegate takes no variables: in TFLite 2.17, which iOS keeps, and before.
    kernel, bias = (tf.Variable(np.atleast_2d(keras.ops.convert_to_numpy(weight))) for weight in head.dense.weights)
    moving = [tf.Variable(tf.zeros_like(weight)) for weight in (kernel, bias)]
    module.learned = [kernel, bias, *moving]

    def features(inputs: dict):
        pooled = encoder(inputs, training=False)
        return pooled if head.hidden is None else head.hidden(pooled)  # (1, D)

    def infer(inputs: dict) -> dict:
        logits = tf.matmul(features(inputs), kernel) + bias
        return {"logits": logits, "scores": SCORES[output.bar](logits)}

    def train(inputs: dict, label, learning_rate) -> dict:
        x = features(inputs)
        loss, gradient = loss_of(tf.matmul(x, kernel) + bias, label)  # gradient: (1, labels)
        gradients = tf.reshape(x, (-1, 1)) * gradient, gradient
        for weight, velocity, slope in zip((kernel, bias), moving, gradients, strict=True):
            step = MOMENTUM * velocity - learning_rate * slope
            velocity.assign(step)
            weight.assign_add(step)
        return {"loss": tf.reshape(loss, (1,))}

    def save(nothing) -> dict:
        return {"kernel": tf.identity(kernel), "bias": tf.reshape(bias, (-1,))}

    def load(saved_kernel, saved_bias) -> dict:
        for variable, value in ((kernel, saved_kernel), (bias, saved_bias)):
            variable.assign(tf.reshape(value, variable.shape))
        for velocity in moving:
            velocity.assign(tf.zeros_like(velocity))
        return {"bias": tf.identity(saved_bias)}

    def traced(function, *specs):
        return tf.function(function, autograph=False, input_signature=specs)

    ids = {name: tf.TensorSpec((1, length), tf.int32, name=name) for name in model.encoder.input}
    label = tf.TensorSpec((1,) if label_type == tf.int32 else (1, output.width), label_type, name="label")
    weights = [
        tf.TensorSpec(w.shape, tf.float32, name=n) for n, w in zip(("kernel", "bias"), head.dense.weights, strict=True)
    ]
    return {
        "infer": traced(infer, ids),
        "train": traced(train, ids, label, tf.TensorSpec((), tf.float32, name="learning_rate")),
        "save": traced(save, tf.TensorSpec((1,), tf.int32, name="nothing")),
        "load": traced(load, *weights),
    }


def foreign_operations(content: bytes) -> list[str]:
    """The Flex and custom operations of a `.tflite` file, in any of its signatures."""
    model = open_model(content)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    return sorted(code.CustomCode().decode() for code in codes if code.BuiltinCode() == BuiltinOperator.CUSTOM)
