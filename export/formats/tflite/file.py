"""TFLite: one signature per length, all on the same weights."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasbert.export.formats.facts import NAME, facts_of
from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.conversion import INTEGERS
from kerasbert.export.formats.tflite.converter import converted
from kerasbert.export.formats.tflite.entries import with_entry, write_pieces
from kerasbert.export.formats.tflite.integers import TRACED, calibration
from kerasbert.layers.tracing import traced_with
from kerasbert.tasks.task import Graph, Input


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Everything in a file besides the model itself: other inputs, other outputs, or a tokenizer."""

    inputs: Sequence[str] | None = None
    """Names of the file's inputs, among them all of the model's. None: the model's own."""
    outputs: Callable[[dict], dict] = lambda outputs: outputs
    """From the model's outputs to the file's."""
    reader: Callable | None = None
    """A `tf.Module`, (strings (1,), length) -> the inputs. The file's input is then `text`, and it may need custom
    operations. None: the file takes ids."""


def write_tflite(model, targets: Mapping[Path, str], settings: Settings, *, ends: Ends | None = None) -> None:
    """Writes a model as `.tflite` files that differ only in how they store weights and compute.

    A file has one signature per length: `serving_default` is the longest, `tokens_16` has 16 tokens. Inputs: the
    model's, int32 (1, length), and float32 (1, width) for numbers. Outputs: the task's, float32 (1, ...). A free length
    would cost dozens of delegate partitions, and a short text in a short signature costs a fraction of the longest.
    TFLite orders signatures by name and gives the first to an app that asks for none, so `serving_default` must come
    first in the alphabet. The entry "kerasbert" beside the graph holds `facts_of` the model.

    Files of `INTEGERS` have the longest signature only. The converter quantises the constants that signatures share to
    16 bits for the first signature, and then reads these integers as the second one's floats, with scales of 1e33.

    Args:
        model: a `TextModel` with float32 variables.
        targets: file -> "none", "float16", "int8" (dynamic range: 8-bit weights, activations quantised at run time;
            needs no calibration and keeps one partition), "int4" (the same with 4-bit matrices), "full-int8" or
            "int16x8" (see `INTEGERS`).
        settings: the lengths, the calibration examples, and whether old runtimes must read the files.
        ends: other inputs and outputs than the model's, or a tokenizer. None: the model alone.

    Raises:
        ExportError: the converter failed, or needed operations that are not built into LiteRT.
    """
    ends, facts = ends or Ends(), json.dumps(facts_of(model), ensure_ascii=False).encode()
    graph = model.graphs()[0]
    graph = graph if ends.inputs is None else replace(graph, inputs=tuple(map(Input, ends.inputs)))
    names = {
        "serving_default" if length == settings.longest else f"tokens_{length}": length
        for length in sorted(set(settings.lengths), reverse=True)
    }
    for integers in (False, True):
        names = {"serving_default": settings.longest} if integers else names
        samples = calibration(model, [*settings.examples, *model.task.calibration], names)
        kinds = {path: quantize for path, quantize in targets.items() if (quantize in INTEGERS) == integers}
        if kinds:
            traced = _traced(model, names, graph, ends, integers=integers)
            options = {"legacy_runtime": settings.legacy_runtime, "custom": ends.reader is not None}
            for path, content in converted(*traced, kinds, samples=samples, **options):
                write_pieces(path, with_entry(content, NAME, facts))


def _traced(
    model, lengths: Mapping[str, int], graph: Graph, ends: Ends, *, integers: bool
) -> tuple[tf.Module, dict[str, Callable]]:
    """A module that holds the weights, and the signatures of these lengths by name."""
    embeddings, reader, module = model.encoder.embeddings, ends.reader, tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.reader, module.tables = reader, None if integers else _even_tables(embeddings)

    def answer(given: dict) -> dict:
        mask = given["attention_mask"]
        with traced_with(**TRACED) if integers else _evened(embeddings, module.tables, mask):
            return ends.outputs(model.export_outputs({name: given[name] for name in model.input}))

    def traced(length: int):
        specs = specifications(graph, rows=1, length=length)
        if reader is None:
            return tf.function(answer, autograph=False, input_signature=[specs])
        text = tf.TensorSpec((1,), tf.string, name="text")
        return tf.function(lambda text: answer(reader(text, length)), autograph=False, input_signature=[text])

    return module, {name: traced(length) for name, length in lengths.items()}


def _even_tables(embeddings) -> list[tuple[tf.Variable, np.ndarray]]:
    """The word and the position table with the range of all columns made equal, and each column's divisor.

    A table has one int8 scale in TFLite. In trained tables some columns are ten times as wide as others, and the narrow
    ones would keep only a few steps. On a fine-tuned MiniLM that was half of the error of int8.
    """
    tables = []
    for variable in (embeddings.word_table, embeddings.position_table):
        table = keras.ops.convert_to_numpy(variable)
        widths = np.maximum(np.abs(table).max(axis=0), np.finfo(np.float32).tiny)
        tables.append((tf.Variable(table / widths, trainable=False), widths))
    return tables


@contextmanager
def _evened(embeddings, tables, attention_mask) -> Iterator[None]:
    """Within the block, the layer reads `_even_tables` and multiplies the rows by the divisors.

    The positions are constants, so the converter would multiply them first and quantise the products. It would also
    multiply the word table, where a head has it as its matrix, and store the product beside the table. Therefore the
    divisors are multiplied by the first token's mask, which is always 1, but known only at run time.
    """
    first_is_real = tf.cast(attention_mask, tf.float32)[:, :1]
    (word, word_widths), (position, position_widths) = tables
    mapping = [(embeddings.word_table, word), (embeddings.position_table, position)]
    scales = (first_is_real * word_widths, first_is_real * position_widths)
    with traced_with(column_scales=scales), keras.StatelessScope(state_mapping=mapping):
        yield
