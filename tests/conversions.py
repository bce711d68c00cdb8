"""Converts a model to TFLite once in a run: the tests of bundles, gate and report export the same few models often.

A conversion is known by what the converter is given: the traced graphs, the values of their variables and the settings.
So it does not matter how a model came to answer as it does: a test that changes a weight or replaces a method of a
layer gets another graph or other values, and a conversion of its own.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from kerasbert.export.formats.tflite import file
from kerasbert.export.formats.tflite.conversion import INTEGERS
from kerasbert.export.formats.tflite.converter import converted


@contextmanager
def remembered(folder: Path) -> Iterator[None]:
    """Within the block, `write_tflite` takes conversions from a folder, and adds to it those that it does not find."""
    with mock.patch.object(file, "converted", lambda *args, **options: _converted(folder, *args, **options)):
        yield


def _converted(folder: Path, module, signatures, targets, **options):
    # Integers go by calibration texts too, and a reader of texts holds tables.
    plain = not options["custom"] and not INTEGERS.keys() & set(targets.values())
    graphs = fingerprint(signatures) if plain else None
    for path, quantize in targets.items():
        known = (
            graphs and folder / hashlib.sha256(f"{graphs} {quantize} {options['legacy_runtime']}".encode()).hexdigest()
        )
        if known and known.exists():
            yield path, known.read_bytes()
            continue
        ((_, content),) = converted(module, signatures, {path: quantize}, **options)
        if known:
            building = known.with_suffix(f".{os.getpid()}")
            building.write_bytes(content)
            building.rename(known)  # another worker finds it whole or not at all
        yield path, content


def fingerprint(signatures) -> str | None:
    """The graphs of traced functions with all that they hold, in hexadecimal; None for what cannot be compared.

    Names do not count, since Keras numbers layers anew in each model.
    """
    found = hashlib.sha256()
    for name, function in signatures.items():
        concrete = function.get_concrete_function()
        definition = concrete.graph.as_graph_def()
        if definition.library.function:
            return None
        values = {id(variable.handle): variable.numpy() for variable in concrete.variables}
        held = {inner.op.name: values.get(id(outer)) for outer, inner in concrete.graph.captures}
        if any(value is None for value in held.values()):
            return None
        places = {node.name: place for place, node in enumerate(definition.node)}
        found.update(f"{name} {sorted(concrete.structured_outputs)}".encode())
        for node in definition.node:
            inputs = []
            for read in node.input:
                source, _, output = read.removeprefix("^").partition(":")
                inputs.append((read.startswith("^"), places[source], output))
            kept = {
                key: value.SerializeToString(deterministic=True) for key, value in node.attr.items() if key[0] != "_"
            }
            found.update(repr((node.op, inputs, sorted(kept.items()))).encode())
            if node.name in held:
                found.update(np.ascontiguousarray(held[node.name]).tobytes())
            elif node.op == "Placeholder":
                found.update(node.name.encode())
        outputs = concrete.structured_outputs
        found.update(repr([(key, places[outputs[key].op.name]) for key in sorted(outputs)]).encode())
    return found.hexdigest()
