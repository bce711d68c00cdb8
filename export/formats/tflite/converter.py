"""From traced functions to the bytes of a `.tflite` file, for every kind of `.tflite` file."""

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python import lite

from kerasbert.errors import ExportError
from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.tflite.float16 import with_own_tables
from kerasbert.export.formats.tflite.int4 import with_int4_weights
from kerasbert.export.formats.tflite.lowest import with_lowest
from kerasbert.quiet import quiet

INTEGERS = {
    "full-int8": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS],
    "int16x8": [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ],
}
"""Settings that also compute in integers -> the kernels that the converter may use. An operation without an integer
kernel stays in float32. Weights have 8 bits, activations 8 or 16; calibration texts give their ranges."""


def converted(
    module: tf.Module,
    signatures: Mapping[str, Callable],
    targets: Mapping[Path, str],
    *,
    samples: Callable | None = None,
    legacy_runtime: bool = False,
    custom: bool = False,
) -> Iterator[tuple[Path, bytes]]:
    """Each target with its content, which the caller writes.

    The converter reads a SavedModel, because from a concrete function it silently drops the weights of a Keras model.
    Its steps around the conversion itself are left out where they change nothing: they read the SavedModel twice and
    the file twice, and BERT-base took 4.3 GB of memory with them, 2.8 without.

    Args:
        module: holds the variables. signatures: name -> `tf.function` with its input signature.
        targets: file -> how it stores its weights; see `kerasbert.export.formats.tflite.file.write_tflite`.
        samples: the representative dataset, which `INTEGERS` need.
        legacy_runtime: writes 8-bit matrices with one scale instead of one per column.
        custom: allows operations of other libraries.

    Raises:
        ExportError: the converter failed, or needed operations that are not built into LiteRT.
    """
    for folder in {path.parent for path in targets}:  # scratch space on the target's disk, whose room was checked
        with tempfile.TemporaryDirectory(prefix=".saved_model.", dir=folder) as scratch:
            save_module(module, Path(scratch), signatures)
            for path, quantize in targets.items():
                with quiet():
                    content = _content(scratch, list(signatures), quantize, path, samples, legacy_runtime, custom)
                yield path, content


def _content(
    saved_model: str,
    signatures: list[str],
    quantize: str,
    path: Path,
    samples: Callable | None,
    legacy_runtime: bool,
    custom: bool,
) -> bytes:
    # What `tf.lite.TFLiteConverter.from_saved_model` returns, after it has read all weights.
    converter = lite.TFLiteSavedModelConverterV2(saved_model, {tf.saved_model.SERVING}, signatures)
    converter.allow_custom_ops = custom
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in INTEGERS:
        converter.target_spec.supported_ops = INTEGERS[quantize]
        converter.representative_dataset = samples
    else:
        converter._optimize_tflite_model = lambda content, *options, **further: content  # it looks for equal buffers
    converter._experimental_disable_per_channel_quantization_for_dense_layers = legacy_runtime
    try:
        with warnings.catch_warnings():
            # While it calibrates, the converter runs TensorFlow's own interpreter, and warns of it.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            # `convert` reads all weights twice before it calls this, to look for quantised training in the graph.
            content = converter._convert_from_saved_model(tf.compat.v1.GraphDef())
    except Exception as error:  # its own class is not exported, and it raises others too
        strange = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", str(error))))
        reason = f"no {', '.join(strange)}" if strange else str(error).partition("\n")[0]
        raise ExportError(f"{path.name}: TFLite cannot express this model ({reason})") from error
    if quantize == "float16":
        content = with_own_tables(content)
    if quantize == "int4":
        content = with_int4_weights(content)
    return with_lowest(content)
