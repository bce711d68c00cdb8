"""A trained model as files for servers, phones and browsers; every export is checked against the Keras model.

The functions are imported on first use: `import kerasbert.export` costs no TensorFlow.
"""

from functools import partial
from importlib import import_module

_HOME = {
    "export_bundle": ("kerasbert.export.bundle", {}),
    "saved_model": ("kerasbert.export.bundle", {"formats": ("savedmodel",)}),
    "tflite": ("kerasbert.export.bundle", {"formats": ("tflite",)}),
    "onnx": ("kerasbert.export.bundle", {"formats": ("onnx",)}),
    "verify": ("kerasbert.export.gate.parity", {}),
}

__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'kerasbert.export' has no attribute {name!r}")
    module, chosen = _HOME[name]
    if chosen:
        return partial(import_module(module).export_bundle, **chosen)
    return getattr(import_module(module), name)


def __dir__():
    return __all__
