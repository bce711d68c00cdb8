"""Files of labelled text -> examples -> rows -> batches. Only `datasets` needs TensorFlow, and loads on first use."""

from importlib import import_module


def __getattr__(name: str):
    if name == "datasets":
        return import_module("kerasbert.data.datasets")
    raise AttributeError(f"module 'kerasbert.data' has no attribute {name!r}")
