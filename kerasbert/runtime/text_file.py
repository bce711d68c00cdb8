"""A `.tflite` file that takes texts (`kerasbert.export.formats.tflite.text`), on LiteRT with tensorflow-text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasbert.errors import BundleError, MissingDependency
from kerasbert.quiet import quiet

OPERATIONS = {"FastBertNormalize", "FastWordpieceTokenizeWithOffsets"}
"""tensorflow-text's, as LiteRT calls them."""


def text_interpreter(path: Path, *, threads: int):
    """LiteRT's interpreter of such a file.

    Raises:
        MissingDependency: tensorflow-text, whose operations it needs, or LiteRT is not installed.
    """
    try:
        with quiet():
            from ai_edge_litert.interpreter import InterpreterWithCustomOps
            from tensorflow_text.core.pybinds.tflite_registrar import SELECT_TFTEXT_OPS
    except ImportError as error:
        raise MissingDependency(
            f"{path}: needs the packages ai-edge-litert and tensorflow-text ({error}); pip install ai-edge-litert "
            "tensorflow-text, or take a file that takes ids"
        ) from None
    return InterpreterWithCustomOps(custom_op_registerers=SELECT_TFTEXT_OPS, model_path=str(path), num_threads=threads)


def text_tflite(path: Path, graph, *, threads: int) -> Callable[[dict], dict]:
    """`{"text": texts}` -> outputs by name, float32 with the texts on axis 0; a text a call."""
    try:
        with quiet():
            interpreter = text_interpreter(path, threads=threads)
            interpreter.allocate_tensors()
            runner = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        raise BundleError(f"{path}: not a whole TFLite model ({str(error).splitlines()[0]}); export again") from None

    def run(batch: dict) -> dict:
        texts = [text.encode("utf-8", "replace") for text in batch["text"]]
        outputs = [runner(text=np.array([text], dtype=object)) for text in texts]
        return {name: np.stack([output[name][0] for output in outputs]) for name in outputs[0]}

    return run
