"""TFLite: a signature a length, all on the same weights: float32, float16 or 8 bits, and arithmetic to match."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasbert.export.formats.tflite.converter import INTEGERS, converted
from kerasbert.export.formats.tflite.integers import TRACED, Texts, calibration, golden_texts
from kerasbert.layers.tracing import traced_with

LEGACY = "2.9"
"""The first TFLite that has GELU. int8 with a scale a column is read since 2.17 only."""


def write_tflite(
    model,
    targets: Mapping[Path, str],
    *,
    lengths: Sequence[int],
    inputs: Sequence[str] | None = None,
    outputs: Callable[[dict], dict] = lambda outputs: outputs,
    reader: Callable | None = None,
    texts: Texts | None = None,
    legacy_runtime: bool = False,
) -> None:
    """Writes a model as `.tflite` files that differ in their weights only, or in their arithmetic.

    A signature a length: `serving_default` is the longest, `tokens_16` one of 16. Inputs: the model's, int32
    (1, length). Outputs: the task's, float32 (1, ...). A free length would cost dozens of delegate partitions, and a
    text in the shortest signature that holds it costs a fraction of the longest. TFLite orders signatures by name, and
    the first is what an app gets that knows none: so no name stands before `serving_default`.

    Files of `INTEGERS` have the longest signature only: what signatures share, the converter quantises to 16 bits for
    the first, and then takes the integers for the second one's floats, with scales of 1e33.

    Args:
        model: a `TextModel` with float32 variables.
        targets: file -> "none", "float16", "int8" (dynamic range: 8-bit weights, activations quantised as they come;
            needs no calibration and keeps one partition), "int4" (the same with 4-bit matrices), "full-int8" or
            "int16x8" (see `INTEGERS`).
        lengths: of the inputs, in any order; shorter texts are padded.
        inputs: names of the file's inputs, in which the model's must be; None: the model's own.
        outputs: from the model's outputs to the file's.
        reader: a `tf.Module`, (strings (1,), length) -> the inputs: the file's own input is then `text`, and it may
            need custom operations. None: the file takes ids.
        texts: for the ranges of integers, and their second texts or None; None: the golden ones.
        legacy_runtime: 8-bit matrices with one scale instead of one a column, which TFLite reads since `LEGACY`.

    Raises:
        ExportError: the converter gave up, or needed operations that are not built into LiteRT.
    """
    inputs = list(model.encoder.input if inputs is None else inputs)
    longest = max(lengths)
    names = {
        "serving_default" if length == longest else f"tokens_{length}": length
        for length in sorted(set(lengths), reverse=True)
    }
    for integers in (False, True):
        names = {"serving_default": longest} if integers else names
        samples = calibration(model, texts or golden_texts(), names, inputs)
        kinds = {path: quantize for path, quantize in targets.items() if (quantize in INTEGERS) == integers}
        if kinds:
            traced = _traced(model, names, inputs, outputs, reader, integers=integers)
            options = {"samples": samples, "legacy_runtime": legacy_runtime, "custom": reader is not None}
            for path, content in converted(*traced, kinds, **options):
                path.write_bytes(content)


def _traced(
    model,
    lengths: Mapping[str, int],
    inputs: Sequence[str],
    outputs: Callable,
    reader: Callable | None,
    *,
    integers: bool,
) -> tuple[tf.Module, dict[str, Callable]]:
    """What holds the weights, and the signatures by name, of these lengths."""
    embeddings, module = model.encoder.embeddings, tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.reader, module.tables = reader, None if integers else _even_tables(embeddings)

    def answer(given: dict) -> dict:
        mask = given["attention_mask"]
        with traced_with(**TRACED) if integers else _evened(embeddings, module.tables, mask):
            return outputs(model.export_outputs({name: given[name] for name in model.encoder.input}))

    def traced(length: int):
        specs = {name: tf.TensorSpec((1, length), tf.int32, name=name) for name in inputs}
        if reader is None:
            return tf.function(answer, autograph=False, input_signature=[specs])
        text = tf.TensorSpec((1,), tf.string, name="text")
        return tf.function(lambda text: answer(reader(text, length)), autograph=False, input_signature=[text])

    return module, {name: traced(length) for name, length in lengths.items()}


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
    scales = (word_widths, first_is_real * position_widths)
    with traced_with(column_scales=scales), keras.StatelessScope(state_mapping=mapping):
        yield
