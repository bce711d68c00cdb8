"""Opens a checkpoint of any format."""

from dataclasses import replace
from pathlib import Path

from kerasbert.checkpoints import hub
from kerasbert.checkpoints.formats import FORMATS, foreign_format
from kerasbert.checkpoints.loading import Checkpoint


def open_checkpoint(path: str | Path | Checkpoint | None) -> Checkpoint:
    """Opens a folder of any format, a hub id or (None) the package's own encoder, and reads the headers of its weights.

    A checkpoint of TensorFlow may also be named by its `.index` file, or by this path without `.index`. A checkpoint
    that is open already is returned as it is.

    Raises:
        CheckpointError: no such folder or id, no weights, a truncated or foreign file.
        ConfigError: a configuration that cannot be read or is of another family.
    """
    if isinstance(path, Checkpoint):
        return path
    known = path is not None and foreign_format(Path(path))
    place = Path(path) if known else hub.folder_of(path)
    checkpoint = next(each for each in FORMATS.values() if each.fits(place)).module.read(place)
    return checkpoint if path is None or Path(path) == place else replace(checkpoint, origin=str(path))
