"""Model files -> a function from int arrays to outputs. One loader a kind of file; each imports its engine."""

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError, MissingDependency
from kerasbert.quiet import quiet
from kerasbert.runtime.text_file import reads_text, text_tflite

LEARNING = ("train", "save", "load")
"""Signatures of a file whose head learns (`kerasbert.export.formats.tflite`), beside `infer`, which answers."""

Run = Callable[[dict], dict]
"""Inputs by name, int (batch, length), or `text`, the texts -> outputs by name, float32 with the batch on axis 0.

An output by token (`kerasbert.tasks.table`) may also be a list: an array a text, each padded to its own length."""


def tflite(path: Path, *, threads: int, pad_id: int) -> Run:
    """A `.tflite` file on LiteRT, a text a call, in the shortest of its signatures that holds the text.

    A signature is made ready when it is first needed: each one has buffers of its own.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependency(
            f"{path}: needs the package ai-edge-litert ({error}); pip install ai-edge-litert"
        ) from None
    try:
        with quiet():
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            signatures = {}  # length -> what runs it, and the dtypes of its inputs
            answering = [name for name in interpreter.get_signature_list() if name not in LEARNING]
            for runner in map(interpreter.get_signature_runner, answering):
                details = runner.get_input_details()
                dtypes = {name: detail["dtype"] for name, detail in details.items()}
                signatures[int(details["input_ids"]["shape"][1])] = runner, dtypes
    except (ValueError, RuntimeError, KeyError) as error:
        raise BundleError(f"{path}: not a whole TFLite model ({str(error).splitlines()[0]}); export again") from None
    lengths = sorted(signatures)
    ready = set()

    def run(batch: dict) -> dict:
        outputs = []
        for row, real in enumerate(np.sum(batch["attention_mask"], axis=1)):
            length = next((length for length in lengths if length >= real), None)
            if length is None:
                raise BundleError(
                    f"{path}: takes {lengths[-1]} tokens a text; export again for a max_length beyond that"
                )
            runner, dtypes = signatures[length]
            inputs = padded(batch, row, dtypes, length=length, pad_id=pad_id)
            with nullcontext() if length in ready else quiet():  # LiteRT prints when it makes a signature ready
                outputs.append(runner(**inputs))
            ready.add(length)
        return {name: _together([output[name][0] for output in outputs]) for name in outputs[0]}

    return run


def padded(batch: dict, row: int, dtypes: Mapping[str, type], *, length: int, pad_id: int) -> dict[str, np.ndarray]:
    """The real tokens of a row of a batch, padded, as inputs of these dtypes by name, each (1, length)."""
    real = int(np.sum(batch["attention_mask"][row]))
    inputs = {}
    for name, dtype in dtypes.items():
        inputs[name] = np.full((1, length), pad_id if name == "input_ids" else 0, dtype=dtype)
        if name in batch:  # a file for MediaPipe has segments even where the model has none
            inputs[name][0, :real] = batch[name][row, :real]
    return inputs


def _together(rows: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """One array of all texts, unless they ran in signatures whose outputs differ in length."""
    return np.stack(rows) if len({row.shape for row in rows}) == 1 else rows


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
    names, outputs = ([tensor.name for tensor in tensors] for tensors in (session.get_inputs(), session.get_outputs()))

    def run(batch: dict) -> dict:
        inputs = {name: np.asarray(batch[name], dtype="int64") for name in names}
        return dict(zip(outputs, session.run(outputs, inputs), strict=True))

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
    threads = threads or min(4, os.cpu_count() or 1)
    if reads_text(path):
        return text_tflite(path, threads=threads)
    return LOADERS[path.suffix](path, threads=threads, pad_id=pad_id)
