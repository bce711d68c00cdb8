"""TFLite: a signature a length, all on the same weights, which are float32, float16 or 8 bits."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.export.saved_module import save_module
from kerasbert.export.tflite_entries import with_shared_scales
from kerasbert.quiet import quiet

OPTIMIZATIONS = {
    "none": ([], []),
    "float16": ([tf.lite.Optimize.DEFAULT], [tf.float16]),
    "int8": ([tf.lite.Optimize.DEFAULT], []),
}
"""Optimizations and types of the weights. int8 is dynamic range: 8-bit weights, activations quantised as they come;
needs no calibration and keeps one partition."""


def write_tflite(model, targets: Mapping[Path, str], *, lengths: Sequence[int]) -> None:
    """Writes a model as `.tflite` files that differ in their weights only.

    A signature a length: `serving_default` is the longest, `tokens_16` one of 16. Inputs: the model's, int32
    (1, length). Outputs: the task's, float32 (1, ...). A free length would cost dozens of delegate partitions, and a
    text in the shortest signature that holds it costs a fraction of the longest. TFLite orders signatures by name, and
    the first is what an app gets that knows none: so no name stands before `serving_default`.

    The converter is fed a SavedModel: from a concrete function it drops the weights of a Keras model without a word.

    Args:
        model: a `TextModel` with float32 variables.
        targets: file -> "none", "float16" or "int8".
        lengths: of the inputs, in any order; shorter texts are padded.

    Raises:
        ExportError: the converter gave up, or needed operations that are not built into LiteRT.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.tables = _even_tables(model.encoder.embeddings)

    def answer(inputs: dict) -> dict:
        with _evened(model.encoder.embeddings, module.tables, inputs["attention_mask"]):
            return model.export_outputs(inputs)

    longest = max(lengths)
    signatures = {
        "serving_default" if length == longest else f"tokens_{length}": tf.function(
            answer,
            autograph=False,
            input_signature=[{name: tf.TensorSpec((1, length), tf.int32, name=name) for name in model.encoder.input}],
        )
        for length in sorted(set(lengths), reverse=True)
    }
    for folder in {path.parent for path in targets}:  # the scratch lies on the target's disk, whose room was checked
        with tempfile.TemporaryDirectory(prefix=".saved_model.", dir=folder) as scratch:
            save_module(module, Path(scratch), signatures)
            for path, quantize in targets.items():
                with quiet():
                    content = _convert(scratch, list(signatures), quantize, path)
                path.write_bytes(content)


def _even_tables(embeddings) -> list[tuple[tf.Variable, np.ndarray]]:
    """The word and the position table with all columns of one range, and what each column was divided by.

    A table has one int8 scale in TFLite. Trained ones have columns ten times as wide as others, and the narrow ones
    would be left with a few steps: on a fine-tuned MiniLM that was half of the error of int8.
    """
    tables = []
    for variable in (embeddings.word_table, embeddings.position_table):
        table = keras.ops.convert_to_numpy(variable)
        widths = np.maximum(np.abs(table).max(axis=0), np.finfo(np.float32).tiny)
        tables.append((tf.Variable(table / widths, trainable=False), widths))
    return tables


@contextmanager
def _evened(embeddings, tables, attention_mask) -> Iterator[None]:
    """Within the block, the layer computes with `_even_tables` and multiplies what it takes from them.

    The positions are constants, which the converter would multiply beforehand and only then quantise. So their scale is
    multiplied by the first token's mask, which is always 1 but known at run time only.
    """
    first_is_real = tf.cast(attention_mask, tf.float32)[:, :1]
    (word, word_widths), (position, position_widths) = tables
    mapping = [(embeddings.word_table, word), (embeddings.position_table, position)]
    embeddings.column_scales = (word_widths, first_is_real * position_widths)
    try:
        with keras.StatelessScope(state_mapping=mapping):
            yield
    finally:
        embeddings.column_scales = None


def _convert(saved_model: str, signatures: list[str], quantize: str, path: Path) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=signatures)
    converter.optimizations, converter.target_spec.supported_types = OPTIMIZATIONS[quantize]
    try:
        content = converter.convert()
    except Exception as error:  # the converter has its own class, not exported, and raises others too
        strange = sorted(set(re.findall(r"'(tf\.\w+)' op is neither", str(error))))
        reason = f"no {', '.join(strange)}" if strange else str(error).partition("\n")[0]
        raise ExportError(f"{path.name}: TFLite cannot express this model ({reason})") from error
    return with_shared_scales(content) if quantize == "int8" else content
