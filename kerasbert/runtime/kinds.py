"""The kinds of model files that a bundle can hold, as the runtime sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        engine: the module and function that open it, imported when such a file is opened; "" if the runtime opens none.
        compiled: another engine that apps use and that must answer alike, for the gate; "" if there is none.
        reads: "ids" or "text", what goes in.
        tflite: whether it is a `.tflite` file.
        chosen: whether the runtime takes such a file when no file is named.
        batches: whether one call takes several rows.
        cuts: whether the file itself, or the library that it is made for, cuts a text that is longer than the model.
    """

    engine: str
    compiled: str = ""
    reads: str = "ids"
    tflite: bool = False
    chosen: bool = True
    batches: bool = False
    cuts: bool = False

    @property
    def needs_tensorflow(self) -> bool:
        """Whether opening such a file loads TensorFlow."""
        return not self.engine or self.reads == "text"


KINDS = {
    "tflite": Kind(
        engine="kerasbert.runtime.litert:tflite", compiled="kerasbert.runtime.litert:compiled_tflite", tflite=True
    ),
    "onnx": Kind(engine="kerasbert.runtime.onnx:onnx", batches=True),
    "mediapipe": Kind(
        engine="kerasbert.runtime.litert:mediapipe",
        compiled="kerasbert.runtime.litert:compiled_mediapipe",
        tflite=True,
        cuts=True,
    ),
    "saved_model": Kind(engine="", chosen=False, batches=True),
    # For apps to teach.
    "trainable": Kind(
        engine="kerasbert.runtime.litert:tflite",
        compiled="kerasbert.runtime.litert:compiled_tflite",
        tflite=True,
        chosen=False,
    ),
    # It needs tensorflow-text.
    "tflite-text": Kind(
        engine="kerasbert.tf.text_file:text_tflite", reads="text", tflite=True, chosen=False, cuts=True
    ),
}


def function_at(place: str) -> Callable:
    """The function that a table names as module:function. Its module is imported when it is needed."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
