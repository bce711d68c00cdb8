"""Writes a SavedModel, for a bundle or for TFLite's converter."""

from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.quiet import quiet


def save_module(module: tf.Module, path: Path, signatures: Callable | Mapping[str, Callable]) -> None:
    """Calls `tf.saved_model.save` and keeps it from printing.

    Raises:
        ExportError: the disk is full or refuses to write. TensorFlow's own exceptions for that are not OSErrors.
    """
    try:
        with quiet():
            tf.saved_model.save(module, str(path), signatures=signatures)
    except tf.errors.OpError as error:
        reason = error.message.rpartition("; ")[2].partition(" [Op:")[0]
        raise ExportError(
            f"{path}: writing a SavedModel failed ({reason}); make room or name another folder"
        ) from error
