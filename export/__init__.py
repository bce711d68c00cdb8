"""A trained model as files for servers, phones and browsers; every file is checked against the Keras model.

- `export_bundle(model, folder)` writes the files of one or several formats into a folder, the bundle.
- `tflite`, `onnx` and `saved_model` write a bundle with one format.
- `verify(folder)` checks a bundle again, as the export did.

The functions are imported when they are first used: `import kerasbert.export` loads no TensorFlow.
"""

from importlib import import_module

_HOME = {
    "ExportOptions": "kerasbert.export.options",
    "export_bundle": "kerasbert.export.bundle",
    "saved_model": "kerasbert.export.one_format",
    "tflite": "kerasbert.export.one_format",
    "onnx": "kerasbert.export.one_format",
    "verify": "kerasbert.export.gate.verify",
}

__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'kerasbert.export' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__():
    return __all__
