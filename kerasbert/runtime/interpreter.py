"""Model files -> a function from int arrays to logits. One loader a kind of file; each imports its engine."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError, MissingDependency
from kerasbert.quiet import quiet

Run = Callable[[dict], np.ndarray]
"""Inputs by name, int (batch, length) -> float32 logits (batch, labels)."""


def tflite(path: Path, *, threads: int, pad_id: int) -> Run:
    """A `.tflite` file with inputs of one fixed length, a text a call, on LiteRT."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependency(
            f"{path}: needs the package ai-edge-litert ({error}); pip install ai-edge-litert"
        ) from None
    try:
        with quiet():
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner("serving_default")
    except (ValueError, RuntimeError) as error:
        raise BundleError(f"{path}: not a whole TFLite model ({str(error).splitlines()[0]}); export again") from None
    details = runner.get_input_details()
    length = int(details["input_ids"]["shape"][1])
    fill = {"input_ids": pad_id}

    def run(batch: dict) -> np.ndarray:
        if np.shape(batch["input_ids"])[1] > length:
            raise BundleError(f"{path}: takes {length} tokens a text; export again for a max_length beyond that")
        rows = []
        for row in range(len(batch["input_ids"])):
            inputs = {
                name: np.full((1, length), fill.get(name, 0), dtype=detail["dtype"]) for name, detail in details.items()
            }
            for name, padded in inputs.items():
                values = batch[name][row]
                padded[0, : len(values)] = values
            rows.append(runner(**inputs)["logits"][0])
        return np.stack(rows)

    return run


def onnx(path: Path, *, threads: int, pad_id: int) -> Run:
    """An `.onnx` file with free batch and length, on ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"{path}: needs the package onnxruntime ({error}); pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise BundleError(f"{path}: not a whole ONNX model ({str(error).splitlines()[0]}); export again") from None
    names = [tensor.name for tensor in session.get_inputs()]

    def run(batch: dict) -> np.ndarray:
        return session.run(["logits"], {name: np.asarray(batch[name], dtype="int64") for name in names})[0]

    return run


LOADERS = {".tflite": tflite, ".onnx": onnx}


def load_file(path: Path, *, pad_id: int = 0, threads: int | None = None) -> Run:
    """The function behind a model file.

    Raises:
        BundleError: a kind of file that needs TensorFlow, or that is broken.
        MissingDependency: its engine is not installed.
    """
    if path.suffix not in LOADERS:
        raise BundleError(f"{path}: the runtime runs {' and '.join(LOADERS)} files; this one needs TensorFlow")
    return LOADERS[path.suffix](path, threads=threads or min(4, os.cpu_count() or 1), pad_id=pad_id)
