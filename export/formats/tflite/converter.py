"""From traced functions to the bytes of `.tflite` files."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.settings import LARGE
from kerasbert.export.formats.tflite.conversion import INTEGERS, Order, content_apart, content_of
from kerasbert.quiet import quiet


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
    A model of more than `LARGE` parameters is converted in a process of its own, unless it needs samples.

    Args:
        module: holds the variables. signatures: name -> `tf.function` with its input signature.
        targets: file -> how it stores its weights; see `kerasbert.export.formats.tflite.file.write_tflite`.
        samples: the representative dataset, which `INTEGERS` need.
        legacy_runtime: writes 8-bit matrices with one scale instead of one per column.
        custom: allows operations of other libraries.

    Raises:
        ExportError: the converter failed, or needed operations that are not built into LiteRT.
    """
    large = sum(variable.shape.num_elements() for variable in module.variables) > LARGE
    for folder in {path.parent for path in targets}:  # scratch space on the target's disk, whose room was checked
        with tempfile.TemporaryDirectory(prefix=".saved_model.", dir=folder) as scratch:
            save_module(module, Path(scratch), signatures)
            for path, quantize in targets.items():
                convert = content_apart if large and quantize not in INTEGERS else partial(content_of, samples=samples)
                try:
                    with quiet():
                        content = convert(Order(scratch, [*signatures], quantize, legacy_runtime, custom))
                except ExportError as error:
                    raise ExportError(f"{path.name}: {error}") from error
                yield path, content
