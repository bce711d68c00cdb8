"""Checks that a model can be exported, and converts it to float32."""

import keras

from kerasbert.decoding.labels import SCORES
from kerasbert.errors import ExportError
from kerasbert.export.options import ExportOptions
from kerasbert.export.variants import CHECKS
from kerasbert.models.lora import has_lora, merged_weights
from kerasbert.runtime.kinds import function_at
from kerasbert.tasks.numbers import numbers_of
from kerasbert.tasks.task import labels_of


def check_model(model, options: ExportOptions) -> None:
    """Checks what can be checked before any work.

    Raises:
        ExportError: another Keras backend, a model without tokenizer, or a format that cannot hold the model.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exports are written by TensorFlow, but Keras runs on {keras.backend.backend()}: save_pretrained the "
            "model, and export it with KERAS_BACKEND=tensorflow"
        )
    if model.tokenizer is None:
        raise ExportError(
            "this model has no tokenizer; put vocab.txt or tokenizer.json into its folder, or give its encoder one"
        )
    check_formats(model, options)


def check_formats(model, options: ExportOptions) -> None:
    """Checks that every chosen format can hold a model with a tokenizer.

    Raises:
        ExportError: a head that cannot learn on the device, or a format that has not the task, its graphs, its outputs,
            its tokenizer or its numbers beside the text.
    """
    if options.trainable_head and not _has_labels(model):
        raise ExportError(f"{model.task.name}: has no head to learn on the device; leave trainable_head out")
    numbers = ", ".join(each.name for each in numbers_of(model.graphs()))
    kinds = {variant.kind for variant in options.variants().values()}
    texts_alone = {"mediapipe", "tflite-text"} & kinds | ({"web"} if options.web else set())
    if numbers and texts_alone:
        raise ExportError(
            f"{', '.join(sorted(texts_alone))}: takes texts alone, and this model also takes {numbers}; leave it out"
        )
    graphs = [each.name for each in model.graphs()]
    single = [name for name, variant in options.variants().items() if not variant.holds_several]
    if len(graphs) > 1 and single:
        raise ExportError(
            f"{', '.join(single)}: holds one graph, and {model.task.name} has {' and '.join(graphs)}; leave it out"
        )
    for kind in sorted(kinds & CHECKS.keys()):
        function_at(CHECKS[kind])(model)


def _has_labels(model) -> bool:
    """Whether the model ends in the task's own head, with one output of labels per text."""
    if model.head is not None:
        return False
    outputs = [output for graph in model.graphs() for output in graph.outputs]
    labels = labels_of(model.settings)
    return len(outputs) == 1 and outputs[0].axis == "row" and outputs[0].bar in SCORES and bool(labels)


def as_exported(model):
    """The model itself, or a copy that computes in float32 and has no LoRA, with the same variables, kernels merged.

    TFLite's converter crashes on mixed precision (tensorflow #46380), and files would hold LoRA's matrices apart.
    """
    if not has_lora(model) and all(
        layer.compute_dtype == "float32" for layer in (*model.layers, *model.encoder.layers)
    ):
        return model
    config = model.get_config()
    encoder = {**config["encoder"], "dtype": "float32"}
    copy = type(model).from_config({**config, "encoder": encoder, "dtype": "float32"})
    copy.set_weights(merged_weights(model))
    copy.encoder.tokenizer = model.tokenizer
    return copy
