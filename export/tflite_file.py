"""TFLite: one fixed length, weights as float32 or 8 bits."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.export.saved_module import save_module
from kerasbert.quiet import quiet

OPTIMIZATIONS = {"none": [], "int8": [tf.lite.Optimize.DEFAULT]}
"""Dynamic range: int8 weights, activations quantised as they come; needs no calibration and keeps one partition."""


def write_tflite(model, targets: Mapping[Path, str], *, length: int) -> None:
    """Writes a model as `.tflite` files that differ in their weights only.

    Inputs: the model's, int32 (1, length). Output: `logits`, float32 (1, labels). Signature: `serving_default`.

    The converter is fed a SavedModel: from a concrete function it drops the weights of a Keras model without a word.

    Args:
        model: a Keras model with float32 variables.
        targets: file -> "none" or "int8".
        length: of the inputs; shorter texts are padded. A free length would cost dozens of delegate partitions.

    Raises:
        ExportError: the converter gave up, or needed operations that are not built into LiteRT.
    """
    answer = tf.function(
        lambda inputs: {"logits": model(inputs, training=False)},
        autograph=False,
        input_signature=[{name: tf.TensorSpec((1, length), tf.int32, name=name) for name in model.encoder.input}],
    )
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    for folder in {path.parent for path in targets}:  # the scratch lies on the target's disk, whose room was checked
        with tempfile.TemporaryDirectory(prefix=".saved_model.", dir=folder) as scratch:
            save_module(module, Path(scratch), answer)
            for path, quantize in targets.items():
                with quiet():
                    content = _convert(scratch, quantize, path)
                path.write_bytes(content)


def _convert(saved_model: str, quantize: str, path: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = OPTIMIZATIONS[quantize]
    try:
        return converter.convert()
    except Exception as error:  # the converter has its own class, not exported, and raises others too
        strange = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", str(error))))
        reason = f"no {', '.join(strange)}" if strange else str(error).partition("\n")[0]
        raise ExportError(f"{path.name}: TFLite cannot express this model ({reason})") from error
