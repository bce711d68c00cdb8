"""The formats of checkpoints, as a table: what each is known by, and which file reads and writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from kerasbert.checkpoints import tf_folders


@dataclass(frozen=True)
class Format:
    """A format of checkpoints.

    Attributes:
        said: its name in messages and reports.
        fits: whether a path is of this format, told by names of files alone.
        file: the file in `kerasbert/checkpoints` whose `read(path)` returns a `Checkpoint`.
        writes: whether it also has `write(checkpoint, folder, approximate=...)`, which returns name -> `Written`.
        library: the library that opens such a folder, in the hub's words; None if the hub has no word for it.
    """

    said: str
    fits: Callable[[Path], bool]
    file: str
    writes: bool = False
    library: str | None = None

    @property
    def module(self) -> ModuleType:
        return import_module(f"kerasbert.checkpoints.{self.file}")


def _is_preset(path: Path) -> bool:
    """Whether a folder is a preset of KerasHub, not a model whose weights a user saved once more with Keras."""
    names = ("model.weights.h5", "model.weights.json", "assets/tokenizer")
    others = ("model.safetensors", "pytorch_model.bin", "tf_model.h5")
    return any((path / name).exists() for name in names) and not any((path / name).exists() for name in others)


FORMATS = {
    "tf1": Format("google-research/bert", tf_folders.fits, "tf1", writes=True),
    "model-garden": Format("TensorFlow Model Garden", tf_folders.fits, "tf1"),  # told from the other by its tensors
    "keras-hub": Format("KerasHub", _is_preset, "keras_hub", writes=True, library="keras-hub"),
    "hf": Format("Hugging Face", lambda path: True, "huggingface", writes=True, library="transformers"),
}
"""Every format by its name on the command line. The first that fits is read; a Hugging Face folder stands last, because
its reader says what a folder of no format lacks."""


def foreign_format(path: Path) -> str | None:
    """The format of a path, if that is another one than Hugging Face's."""
    return next((name for name, each in FORMATS.items() if name != "hf" and each.fits(path)), None)


WRITTEN = tuple(name for name, each in FORMATS.items() if each.writes)
"""The formats that `kerasbert convert` writes."""
