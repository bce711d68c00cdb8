"""A `.tflite` file that takes texts (`kerasbert.export.formats.tflite.text`), on LiteRT with tensorflow-text."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from kerasbert.errors import BundleError, MissingDependency
from kerasbert.tasks.batches import together
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.task import Graph, Input, Run

OPERATIONS = {"FastBertNormalize", "FastWordpieceTokenizeWithOffsets"}
"""The operations of tensorflow-text in such a file, as LiteRT calls them."""


def text_interpreter(path: Path, *, threads: int):
    """LiteRT's interpreter of such a file.

    Raises:
        MissingDependency: LiteRT or tensorflow-text, whose operations the file needs, is not installed.
    """
    try:
        from ai_edge_litert.interpreter import InterpreterWithCustomOps
        from tensorflow_text.core.pybinds.tflite_registrar import SELECT_TFTEXT_OPS
    except ImportError as error:
        raise MissingDependency(
            f"{path}: needs the packages ai-edge-litert and tensorflow-text ({error}); pip install ai-edge-litert "
            "tensorflow-text, or take a file that takes ids"
        ) from None
    return InterpreterWithCustomOps(custom_op_registerers=SELECT_TFTEXT_OPS, model_path=str(path), num_threads=threads)


def text_tflite(path: Path, graphs: Sequence[Graph], *, threads: int, integers: bool) -> dict[str, Run]:
    """A function of `{"text": texts}` that runs each text by itself. Threads wait for the interpreter in turn.

    Raises:
        BundleError: a broken file, or one that does not give the graph's outputs.
        MissingDependency: LiteRT or tensorflow-text is not installed.
    """
    (graph,) = graphs
    try:
        interpreter = text_interpreter(path, threads=threads)
        interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner()
        outputs = {name: int(each["shape"][-1]) for name, each in runner.get_output_details().items()}
    except (ValueError, RuntimeError) as error:
        raise BundleError(f"{path}: not a whole TFLite model ({str(error).splitlines()[0]}); export again") from None
    taken = Graph(graph.name, (Input("text", "text"),), graph.outputs)
    check_matches(path, taken, inputs=runner.get_input_details(), outputs=outputs)
    lock = Lock()

    def run(batch: dict) -> dict:
        texts = [text.encode("utf-8", "replace") for text in batch["text"]]
        with lock:
            found = [runner(text=np.array([text], dtype=object)) for text in texts]
        return {each.name: together([outputs[each.name] for outputs in found]) for each in graph.outputs}

    return {graph.name: run}
