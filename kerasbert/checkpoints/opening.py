"""Opens a checkpoint of any format."""

from dataclasses import replace
from pathlib import Path

from kerasbert.checkpoints import hub
from kerasbert.checkpoints.formats import FORMATS
from kerasbert.checkpoints.loading import Checkpoint


def open_checkpoint(path: str | Path | None) -> Checkpoint:
    """Opens a folder of any format, a hub id or (None) the package's own encoder, and reads the headers of its weights.

    Raises:
        CheckpointError: no such folder or id, no weights, a truncated or foreign file.
        ConfigError: a configuration that cannot be read or is of another family.
    """
    place = hub.folder_of(path)
    checkpoint = next(each for each in FORMATS.values() if each.fits(place)).module.read(place)
    return checkpoint if path is None or Path(path) == place else replace(checkpoint, origin=str(path))
