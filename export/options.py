"""The options of an export, checked as far as that needs no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ExportError
from kerasbert.export.variants import NEWER, Variant, chosen_variants


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Which files `export_bundle` writes, and how good they must be.

    Raises:
        ExportError: a value that no model can be exported with.
    """

    formats: str | Sequence[str] | None = None
    """One or more of "tflite", "onnx", "saved_model", "mediapipe", "tflite-text". None: "tflite", "onnx" and
    "saved_model", as far as they exist for the chosen `quantize`."""
    quantize: str | Sequence[str] = ("none", "int8")
    """How weights are stored: one or more of `kerasbert.export.variants.QUANTIZE`. A file is written for each."""
    sequence_lengths: Sequence[int] | None = None
    """Input lengths of the signatures of `.tflite` files; a text runs in the shortest that holds it. The model's
    `max_length` is always one of them. None: 16, 32, 64, ... up to `max_length`, or every second of these
    for a model of more than 200 million parameters."""
    data: str | Path | None = None
    """A labelled file. The files must answer it as well as Keras does, and its texts calibrate integer activations."""
    columns: Mapping[str, str | None] | None = None
    """Names of the columns of `data`, such as `{"text": "review", "label": "stars"}`. None, or a name that is None: the
    usual names."""
    max_drop: float | None = None
    """Points of accuracy that a quantised file may lose on `data`. A file that loses more is replaced by one that
    stores its weights more precisely. None: a quantised file that loses more than 0.5 points is an error."""
    legacy_runtime: bool = False
    """Writes `.tflite` files that TFLite 2.9 and later read, such as the Task Library's; without it, int8 files need
    2.17. Every int8 matrix then has one scale instead of one per column, which costs accuracy."""
    trainable_head: bool = False
    """Adds `.tflite` files whose head learns on the device."""
    web: bool = False
    """Adds a page that runs the files in a browser."""

    def __post_init__(self):
        variants = self.variants()
        newer = [variant.quantize for variant in variants.values() if variant.quantize in NEWER]
        if self.legacy_runtime and newer:
            raise ExportError(
                f"quantize is {newer[0]}: TFLite 2.9 cannot run it; leave legacy_runtime out, or use int8"
            )
        if self.max_drop is not None and (self.data is None or not 0 <= self.max_drop <= 100):
            raise ExportError(
                f"max_drop is {self.max_drop}: use 0 to 100 points of accuracy, and give labelled data to measure on"
            )
        if self.sequence_lengths is not None and min(self.sequence_lengths, default=3) < 3:
            raise ExportError(
                f"sequence_lengths: {min(self.sequence_lengths)} is too short for any text; use 3 or more"
            )

    def variants(self) -> dict[str, Variant]:
        """The files to write, by their names in kerasbert.json."""
        return chosen_variants(self.formats, self.quantize, trainable_head=self.trainable_head)
