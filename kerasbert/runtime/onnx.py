"""`.onnx` files with free batch size and length, on ONNX Runtime."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from kerasbert.errors import BundleError, MissingDependency
from kerasbert.runtime.parallel import in_threads
from kerasbert.runtime.reopening import reopening
from kerasbert.runtime.rows import pieces, tokens_of
from kerasbert.tasks.batches import together
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.task import Graph, Run

TOKENS = 512
"""Most tokens in a call. Larger calls are slower per token, because what one layer hands to the next leaves the cache:
all-MiniLM-L6-v2 answers 240 reviews per CPU-second with 512 tokens, 208 with 1,024 and 172 with 4,096."""
OPENED_ONCE = 10**9
"""Bytes of a file above which there is no second session."""


def onnx(path: Path, graphs: Sequence[Graph], *, threads: int, integers: bool) -> dict[str, Run]:
    """A function that runs rows of like length together.

    A row alone gets a session with all threads. Many rows are cut into pieces of `TOKENS` tokens, and each thread runs
    pieces of its own: several threads inside a call cost 15% more CPU time than one. The step of a decoder computes one
    token per row, however long its source is.

    A file of more than `OPENED_ONCE` bytes has one session alone, because each holds the weights.

    A file of integers run each row by itself: it scales the numbers of a whole call to 8 bits together, so that an
    answer would depend on the other texts of the call (with all-MiniLM-L6-v2, a cosine of 0.99 between the two).

    Raises:
        BundleError: a broken file, or one that does not compute the graph; from the returned function, a file that was
            replaced before a further session opened it.
        MissingDependency: ONNX Runtime is not installed.
    """
    (graph,) = graphs  # a file has one
    again = reopening(path, lambda: _session(path, 1))
    first = _session(path, threads)
    check_matches(
        path,
        graph,
        inputs=[each.name for each in first.get_inputs()],
        outputs={each.name: _size(each.shape[-1]) for each in first.get_outputs()},
    )
    threads = 1 if path.stat().st_size > OPENED_ONCE else threads  # from here on, those that run pieces
    single = (lambda: first) if threads == 1 else _made_once(again)
    token_inputs = {each.name for each in graph.inputs if each.axis == "token"}
    types = {each.name: "float32" if each.width else "int64" for each in graph.inputs}
    reads_tokens = "input_ids" in token_inputs
    names = [each.name for each in graph.outputs]

    def run(batch: dict) -> dict:
        tokens = tokens_of(batch)
        parts = pieces(tokens if reads_tokens else [1] * len(tokens), 0 if integers else TOKENS)
        session = first if len(parts) == 1 else single()

        def of_piece(part: slice) -> list[np.ndarray]:
            longest, inputs = max(tokens[part]), {}
            for name, values in batch.items():
                values = values[part, :longest] if name in token_inputs else values[part]
                inputs[name] = values.astype(types[name], copy=False)
            return session.run(names, inputs)

        found = in_threads(of_piece, parts, threads)
        return {name: together(outputs) for name, outputs in zip(names, zip(*found, strict=True), strict=True)}

    return {graph.name: run}


def _session(path: Path, threads: int):
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"{path}: needs the package onnxruntime ({error}); pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Its threads would otherwise use the processor while they wait for work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise BundleError(f"{path}: not a whole ONNX model ({str(error).splitlines()[0]}); export again") from None


def _made_once(make: Callable) -> Callable:
    """A function that makes an object at its first call and returns the same one later, in any thread."""
    lock, made = Lock(), []

    def get():
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get


def _size(dimension) -> int | None:
    """ONNX Runtime gives the name of a free dimension in place of its size."""
    return dimension if isinstance(dimension, int) else None
