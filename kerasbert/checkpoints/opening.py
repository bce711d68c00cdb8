"""Opens a checkpoint of any format: a table says what each format is known by, and which file reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from kerasbert.checkpoints import hub
from kerasbert.checkpoints.loading import Checkpoint


@dataclass(frozen=True)
class Format:
    """A format of checkpoints.

    Attributes:
        said: its name in messages and reports.
        fits: whether a path is of this format, told by names of files alone.
        module: the file in `kerasbert/checkpoints` whose `read(path)` returns a `Checkpoint`.
    """

    said: str
    fits: Callable[[Path], bool]
    module: str

    def read(self, path: Path) -> Checkpoint:
        return import_module(f"kerasbert.checkpoints.{self.module}").read(path)


FORMATS = {
    "hf": Format("Hugging Face", lambda path: True, "huggingface"),
}
"""Every format by its name on the command line. The first that fits is read; a Hugging Face folder stands last, because
its reader says what a folder of no format lacks."""


def open_checkpoint(path: str | Path | None) -> Checkpoint:
    """Opens a folder of any format, a hub id or (None) the package's own encoder, and reads the headers of its weights.

    Raises:
        CheckpointError: no such folder or id, no weights, a truncated or foreign file.
        ConfigError: a configuration that cannot be read or is of another family.
    """
    place = hub.folder_of(path)
    return next(each for each in FORMATS.values() if each.fits(place)).read(place)
