"""Model files -> a function from int arrays to outputs. One loader a kind of file; each imports its engine."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np

from kerasbert.decoding.labels import logits_of
from kerasbert.errors import BundleError, MissingDependency
from kerasbert.quiet import quiet
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import File
from kerasbert.tasks.task import Graph, Run

LEARNING = ("train", "save", "load")
"""Signatures of a file whose head learns (`kerasbert.export.formats.tflite`), beside `infer`, which answers."""


def tflite(path: Path, graph: Graph, *, threads: int) -> Run:
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
    pad_id = next(each.pad for each in graph.inputs if each.name == "input_ids")
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


def onnx(path: Path, graph: Graph, *, threads: int) -> Run:
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


def mediapipe(path: Path, graph: Graph, *, threads: int) -> Run:
    """A file for MediaPipe: it gives scores, and logits that have these scores stand for the model's."""
    run, (output,) = tflite(path, graph, threads=threads), graph.outputs

    def scored(batch: dict) -> dict:
        outputs = run(batch)
        if "probability" not in outputs:
            return outputs
        return {output.name: logits_of(outputs["probability"], output.bar)}

    return scored


def open_run(path: Path, file: File, graph: Graph, *, threads: int | None = None) -> Run:
    """The function behind a model file.

    Args:
        file: how kerasbert.json describes it. graph: the graph that it computes.
        threads: of the engine; None: up to 4.

    Raises:
        BundleError: a kind of file that needs TensorFlow, or that is broken.
        MissingDependency: its engine is not installed.
    """
    module, _, function = KINDS[file.kind].engine.partition(":")
    if not module:
        raise BundleError(f"{path}: the runtime does not run a {file.kind} file; it needs TensorFlow")
    open_engine = getattr(import_module(module), function)
    return open_engine(path, graph, threads=threads or min(4, os.cpu_count() or 1))
