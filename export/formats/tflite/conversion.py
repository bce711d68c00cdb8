"""From a SavedModel to the bytes of a `.tflite` file.

    python -m kerasbert.export.formats.tflite.conversion ORDER TARGET

converts in a process of its own: ORDER is the `Order` in JSON, and TARGET the file to write.
"""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python import lite

from kerasbert.errors import ExportError
from kerasbert.export.formats.tflite.float16 import with_own_tables
from kerasbert.export.formats.tflite.int4 import with_int4_weights
from kerasbert.export.formats.tflite.lowest import with_lowest

INTEGERS = {
    "full-int8": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS],
    "int16x8": [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ],
}
"""Settings that also compute in integers -> the kernels that the converter may use. An operation without an integer
kernel stays in float32. Weights have 8 bits, activations 8 or 16; calibration texts give their ranges."""


@dataclass(frozen=True)
class Order:
    """What to convert, and how.

    Attributes:
        saved_model: the folder. signatures: the names of the signatures to convert.
        quantize: how weights are stored; see `kerasbert.export.formats.tflite.file.write_tflite`.
        legacy_runtime: writes 8-bit matrices with one scale instead of one per column.
        custom: allows operations of other libraries.
    """

    saved_model: str
    signatures: list[str]
    quantize: str
    legacy_runtime: bool = False
    custom: bool = False


def content_of(order: Order, samples: Callable | None = None) -> bytes:
    """The file of an order.

    TensorFlow's steps around the conversion are left out where they change nothing: they read all weights twice before
    it, and the file twice after it. BERT-base took 4.3 GB of memory with them, and takes 2.8.

    Args:
        samples: the representative dataset, which `INTEGERS` need.

    Raises:
        ExportError: the converter failed, or needed operations that are not built into LiteRT.
    """
    # This is what `tf.lite.TFLiteConverter.from_saved_model` returns.
    converter = lite.TFLiteSavedModelConverterV2(order.saved_model, {tf.saved_model.SERVING}, order.signatures)
    converter.allow_custom_ops = order.custom
    if order.quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if order.quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if order.quantize in INTEGERS:
        converter.target_spec.supported_ops = INTEGERS[order.quantize]
        converter.representative_dataset = samples
    else:
        converter._optimize_tflite_model = lambda content, *options, **further: content  # it looks for equal buffers
    converter._experimental_disable_per_channel_quantization_for_dense_layers = order.legacy_runtime
    try:
        with warnings.catch_warnings():
            # While it calibrates, the converter runs TensorFlow's own interpreter, and warns of it.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            # The argument is a graph in which it looks for quantised training.
            content = converter._convert_from_saved_model(tf.compat.v1.GraphDef())
    except Exception as error:  # its own class is not exported, and it raises others too
        strange = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", str(error))))
        reason = f"no {', '.join(strange)}" if strange else str(error).partition("\n")[0]
        raise ExportError(f"TFLite cannot express this model ({reason})") from error
    if order.quantize == "float16":
        content = with_own_tables(content)
    if order.quantize == "int4":
        content = with_int4_weights(content)
    return with_lowest(content)


def content_apart(order: Order) -> bytes:
    """The same, computed in a process of its own: TensorFlow keeps the memory of a conversion until its process ends.

    Raises:
        ExportError: as `content_of`, and if the process ended early, such as for want of memory.
    """
    target = Path(order.saved_model) / "converted.tflite"
    command = [sys.executable, "-m", __name__, json.dumps(asdict(order)), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode == 1 and done.stdout:
        raise ExportError(done.stdout.strip())
    if done.returncode:
        raise ExportError(f"the process that converts to TFLite ended with exit code {done.returncode}")
    return target.read_bytes()


if __name__ == "__main__":
    try:
        Path(sys.argv[2]).write_bytes(content_of(Order(**json.loads(sys.argv[1]))))
    except ExportError as error:
        print(error)
        sys.exit(1)
