"""Every kind of file that a bundle can hold, as data. It imports nothing heavy, so that the command line reads it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from kerasbert.errors import ExportError


@dataclass(frozen=True)
class Variant:
    """One file that a bundle can hold."""

    kind: str
    """Kind of file, as kerasbert.json says it; a key of `WRITERS`."""
    path: str
    """Place of the file inside the bundle. `.onnx` files stand where the hub's clients look for them, under the names
    that transformers.js uses."""
    quantize: str
    """How the weights are stored; a key of `QUANTIZE`."""

    @property
    def precision(self) -> str:
        """The same setting as kerasbert.json says it."""
        return "float32" if self.quantize == "none" else self.quantize

    @property
    def holds_several(self) -> bool:
        """Whether it can be written for a task of several graphs."""
        return self.kind in SEVERAL and self.quantize not in CALIBRATED


VARIANTS = {
    "tflite": Variant("tflite", "model.tflite", "none"),
    "onnx": Variant("onnx", "onnx/model.onnx", "none"),
    "tflite-int8": Variant("tflite", "model_int8.tflite", "int8"),
    "tflite-float16": Variant("tflite", "model_float16.tflite", "float16"),
    "onnx-int8": Variant("onnx", "onnx/model_quantized.onnx", "int8"),
    "onnx-int8-mixed": Variant("onnx", "onnx/model_quantized_mixed.onnx", "int8-mixed"),
    "onnx-float16": Variant("onnx", "onnx/model_fp16.onnx", "float16"),
    "saved_model": Variant("saved_model", "saved_model", "none"),
    "mediapipe": Variant("mediapipe", "mediapipe.tflite", "none"),
    "mediapipe-int8": Variant("mediapipe", "mediapipe_int8.tflite", "int8"),
    "tflite-int4": Variant("tflite", "model_int4.tflite", "int4"),
    "tflite-int16x8": Variant("tflite", "model_int16x8.tflite", "int16x8"),
    "tflite-full-int8": Variant("tflite", "model_full_int8.tflite", "full-int8"),
    "tflite-trainable": Variant("trainable", "model_trainable.tflite", "none"),
    "tflite-trainable-int8": Variant("trainable", "model_trainable_int8.tflite", "int8"),
    "tflite-text": Variant("tflite-text", "model_text.tflite", "none"),
    "tflite-text-int8": Variant("tflite-text", "model_text_int8.tflite", "int8"),
}
"""Name of a file in kerasbert.json -> its variant, in the order of preference: the runtime takes the first that it can
run."""
WRITERS = {
    "tflite": "kerasbert.export.formats.tflite.file:write_tflite",
    "onnx": "kerasbert.export.formats.onnx.file:write_onnx",
    "saved_model": "kerasbert.export.formats.saved_model.file:write_saved_model",
    "mediapipe": "kerasbert.export.formats.mediapipe.file:write_mediapipe",
    "trainable": "kerasbert.export.formats.tflite.trainable:write_trainable",
    "tflite-text": "kerasbert.export.formats.tflite.text:write_text_tflite",
}
"""Kind of file -> the function that writes it, as module:name. Each takes (model, targets, settings)."""
CHECKS = {
    "mediapipe": "kerasbert.export.formats.mediapipe.file:check_mediapipe",
    "tflite-text": "kerasbert.export.formats.tflite.text:check_text_tflite",
}
"""Kind of file that not every model can have -> the function that takes a model and raises ExportError."""
OUTPUTS = {
    "onnx": {
        "sequence_output": "last_hidden_state",
        "pooled_output": "pooler_output",
        "embedding": "sentence_embedding",
    }
}
"""Kind of file -> a task's output -> its name in the file, where it differs. `.onnx` files speak the hub's language."""
PARTS = {"onnx": {"encoder": "encoder_model", "decoder_step": "decoder_model"}}
"""Kind of file that holds one graph -> a graph of a task of several -> what its file's name has in place of "model", as
optimum and transformers.js have it. Files of other kinds hold all graphs of a task."""
FORMATS = tuple(kind for kind in WRITERS if kind != "trainable")
"""Kinds that are asked for by name. A trainable file is asked for with `trainable_head` instead."""
USUAL = ("tflite", "onnx", "saved_model")
"""Formats that are written when none is named. MediaPipe and tensorflow-text cannot read every tokenizer, and every
file holds the weights once more, so the others are written on request only."""
QUANTIZE = {
    "int4": "matrices in 4 bits, the rest in 8; TFLite only",
    "full-int8": "weights and activations in 8 bits, for NPUs; TFLite only, slow on a CPU",
    "int16x8": "weights in 8 bits and activations in 16, for NPUs; TFLite only, slow on a CPU",
    "int8": "weights in 8 bits; a quarter of the size and fast on a CPU",
    "int8-mixed": "weights in 8 bits, but some products in float32, which loses less accuracy; ONNX only",
    "float16": "weights in 16 bits; half the size and almost the same numbers",
    "none": "weights in float32",
}
"""How weights are stored -> what that means for a user. Each setting loses less accuracy than those before it."""
CALIBRATED = ("full-int8", "int16x8")
"""Settings with integer activations, whose ranges are measured on texts."""
SEVERAL = ("tflite", "onnx", "saved_model")
"""Kinds of files, or of groups of files, that hold several graphs."""
NEWER = ("int4", "int16x8", "full-int8")
"""Settings that no `legacy_runtime` makes readable for old runtimes."""


def chosen_variants(
    formats: str | Sequence[str] | None, quantize: str | Sequence[str], *, trainable_head: bool = False
) -> dict[str, Variant]:
    """The rows of `VARIANTS` that a user asks for.

    Args:
        formats: one or more of `FORMATS`. None: those of `USUAL` that exist for the chosen `quantize`.
        quantize: one or more of `QUANTIZE`.
        trainable_head: adds the files whose head learns on the device.

    Raises:
        ExportError: an unknown word, nothing at all, or a format that has none of the settings.
    """
    named = _known("formats", USUAL if formats is None else formats, FORMATS)
    quantize = _known("quantize", quantize, QUANTIZE)
    demanded = () if formats is None else named
    if trainable_head:
        named, demanded = (*named, "trainable"), (*demanded, "trainable")
    chosen = {name: v for name, v in VARIANTS.items() if v.kind in named and v.quantize in quantize}
    for kind in demanded:
        if all(variant.kind != kind for variant in chosen.values()):
            has = ", ".join(variant.quantize for variant in VARIANTS.values() if variant.kind == kind)
            raise ExportError(f"{kind}: has no {', '.join(quantize)}; quantize can be {has} there")
    return chosen


def parts_of(kind: str, path: str, graphs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The path of each part of a file -> the names of the graphs that it computes.

    Args:
        kind, path: of a row of `VARIANTS`. graphs: the names of the task's graphs.
    """
    names = PARTS.get(kind)
    if names is None or len(graphs) == 1:
        return {path: tuple(graphs)}
    file = PurePath(path)
    return {str(file.with_name(file.name.replace("model", names[graph], 1))): (graph,) for graph in graphs}


def in_place_of(name: str) -> str:
    """The variant to write in place of a quantised one of the same kind that loses too much accuracy.

    It is the next of `QUANTIZE` that the kind has. Settings of `CALIBRATED` replace each other only: they are slow on a
    CPU.
    """
    failed = VARIANTS[name]
    of_kind = {variant.quantize: name for name, variant in VARIANTS.items() if variant.kind == failed.kind}
    slow = () if failed.quantize in CALIBRATED else CALIBRATED
    order = list(QUANTIZE)
    gentler = order[order.index(failed.quantize) + 1 :]
    return next(of_kind[quantize] for quantize in gentler if quantize in of_kind and quantize not in slow)


def _known(option: str, words: str | Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The words of an option as a tuple, if each of them is known and there is at least one."""
    words = (words,) if isinstance(words, str) else tuple(words)
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        given = ", ".join(map(repr, unknown)) or "empty, so there is nothing to export"
        raise ExportError(f"{option} is {given}: use one or more of {', '.join(known)}")
    return words
