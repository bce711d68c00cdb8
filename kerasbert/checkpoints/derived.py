"""The page of a checkpoint that was made from another one, tensor by tensor and without a Keras model."""

import shutil
from pathlib import Path

from kerasbert.checkpoints import hub
from kerasbert.checkpoints.card import LARGEST, NAME, OWN, Card, write_card
from kerasbert.checkpoints.formats import FORMATS
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.config import OWN_TYPE


def write_page(source: Checkpoint, written: Checkpoint, folder: str | Path, said: str, **facts) -> None:
    """Writes the model card, and copies the files of the licence.

    Args:
        source: what the new checkpoint was made from. Its card tells the licence.
        written: the new checkpoint, in the temporary folder.
        folder: the folder that this becomes.
        said: what the new checkpoint is, as a sentence.
        facts: further rows of the table.
    """
    rows = {"task": written.task, "family": written.config.model_type, **facts}
    card = Card(said=said, task=written.task, facts=rows, library=_library(written), base=source.base)
    write_card(card, written.folder, Path(folder))
    _copy_licences(source, written)


def keep_page(source: Checkpoint, written: Checkpoint, folder: str | Path, said: str) -> None:
    """Copies the page of the source as it is, because the model and its format are the same; else as `write_page`."""
    page = source.folder / NAME
    if source.format != written.format or not page.is_file() or page.stat().st_size > LARGEST:
        write_page(source, written, folder, said)
        return
    shutil.copyfile(page, written.folder / NAME)
    _copy_licences(source, written)


def _copy_licences(source: Checkpoint, written: Checkpoint) -> None:
    for path in (path for pattern in hub.LICENCES for path in source.folder.glob(pattern)):
        if path.is_file():
            shutil.copyfile(path, written.folder / path.name)


def _library(written: Checkpoint) -> str | None:
    """The library that opens a checkpoint, in the hub's words."""
    if written.settings.get("model_type") == OWN_TYPE:
        return OWN
    return "sentence-transformers" if written.has_modules else FORMATS[written.format].library
