"""TFLite: one signature per length, all on the same weights."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
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
from kerasbert.models.functions import GraphFunction
from kerasbert.tasks.task import Input


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

    A file has one signature per length: `serving_default` is the longest, `tokens_16` has 16 tokens. If the model has
    several graphs, each has a signature per length, such as `encoder_16` and `decoder_step_16`. Inputs: the model's,
    int32 (1, length), and float32 (1, width) for numbers. What a graph reads of another one is float32 (1, length,
    width), and a cache (1, `max_new_tokens`, width). Outputs: the task's, float32 (1, ...). A free length
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
    lengths = sorted(set(settings.lengths), reverse=True)
    names = {"serving_default" if length == settings.longest else f"tokens_{length}": length for length in lengths}
    for integers in (False, True):
        names = {"serving_default": settings.longest} if integers else names
        samples = calibration(model, [*settings.examples, *model.task.calibration], names)
        kinds = {path: quantize for path, quantize in targets.items() if (quantize in INTEGERS) == integers}
        if kinds:
            traced = _traced(model, names, ends, integers=integers)
            options = {"legacy_runtime": settings.legacy_runtime, "custom": ends.reader is not None}
            for path, content in converted(*traced, kinds, samples=samples, **options):
                write_pieces(path, with_entry(content, NAME, facts))


def _traced(model, lengths: Mapping[str, int], ends: Ends, *, integers: bool) -> tuple[tf.Module, dict[str, Callable]]:
    """A module that holds the weights, and the signatures of these lengths by name."""
    reader, module, functions = ends.reader, tf.Module(), model.functions()
    module.weights = [variable.value for variable in model.variables]
    tables = {} if integers else _even_tables(each.embeddings for each in functions)
    module.reader, module.tables = reader, [table for table, _ in tables.values()]

    def answer(function: GraphFunction, given: dict) -> dict:
        with traced_with(**TRACED) if integers else _evened(function.embeddings, tables, given["attention_mask"]):
            return ends.outputs(function.call({name: given[name] for name in function.inputs}))

    def traced(function: GraphFunction, length: int):
        graph = function.graph
        graph = graph if ends.inputs is None else replace(graph, inputs=tuple(map(Input, ends.inputs)))
        specs = specifications(graph, rows=1, length=length, places=function.places, like=function.inputs)
        if reader is None:
            return tf.function(partial(answer, function), autograph=False, input_signature=[specs])
        text = tf.TensorSpec((1,), tf.string, name="text")
        return tf.function(lambda text: answer(function, reader(text, length)), autograph=False, input_signature=[text])

    if len(functions) == 1:
        return module, {name: traced(functions[0], length) for name, length in lengths.items()}
    pairs = [(function, length) for function in functions for length in lengths.values()]
    return module, {f"{function.graph.name}_{length}": traced(function, length) for function, length in pairs}


def _even_tables(embeddings: Iterable) -> dict[str, tuple[tf.Variable, np.ndarray]]:
    """The tables of words and positions with the range of all columns made equal, and each column's divisor, by path.

    A table has one int8 scale in TFLite. In trained tables some columns are ten times as wide as others, and the narrow
    ones would keep only a few steps. On a fine-tuned MiniLM that was half of the error of int8.
    """
    tables = {}
    for variable in (table for each in embeddings for table in each.tables):
        if variable.path not in tables:  # a decoder may have the encoder's words
            table = keras.ops.convert_to_numpy(variable)
            widths = np.maximum(np.abs(table).max(axis=0), np.finfo(np.float32).tiny)
            tables[variable.path] = (tf.Variable(table / widths, trainable=False), widths)
    return tables


@contextmanager
def _evened(embeddings, tables, attention_mask) -> Iterator[None]:
    """Within the block, the layer reads `_even_tables` and multiplies the rows by the divisors.

    The positions are constants, so the converter would multiply them first and quantise the products. It would also
    multiply the word table, where a head has it as its matrix, and store the product beside the table. Therefore the
    divisors are multiplied by the first token's mask, which is always 1, but known only at run time.
    """
    first_is_real = tf.cast(attention_mask, tf.float32)[:, :1]
    own = [(variable, *tables[variable.path]) for variable in embeddings.tables]
    mapping = [(variable, table) for variable, table, _ in own]
    scales = tuple(first_is_real * widths for *_, widths in own)
    with traced_with(column_scales=scales), keras.StatelessScope(state_mapping=mapping):
        yield
