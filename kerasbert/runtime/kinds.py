"""The kinds of model files that a bundle can hold, as the runtime sees them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        engine: the module and function that open it, imported when such a file is opened; "" if the runtime opens none.
        reads: "ids" or "text", what goes in.
        chosen: whether the runtime takes such a file when no file is named.
        batches: whether one call takes several rows.
    """

    engine: str
    reads: str = "ids"
    chosen: bool = True
    batches: bool = False

    @property
    def needs_tensorflow(self) -> bool:
        """Whether opening such a file loads TensorFlow."""
        return not self.engine or self.reads == "text"


KINDS = {
    "tflite": Kind(engine="kerasbert.runtime.litert:tflite"),
    "onnx": Kind(engine="kerasbert.runtime.onnx:onnx", batches=True),
    "mediapipe": Kind(engine="kerasbert.runtime.litert:mediapipe"),
    "saved_model": Kind(engine="", chosen=False, batches=True),
    # For apps to teach.
    "trainable": Kind(engine="kerasbert.runtime.litert:tflite", chosen=False),
    # It needs tensorflow-text and reads some texts otherwise than BERT's tokenizer.
    "tflite-text": Kind(engine="kerasbert.tf.text_file:text_tflite", reads="text", chosen=False),
}
