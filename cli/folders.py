"""Folders of models that options are checked against."""

from pathlib import Path


def opened(path: str | Path | None):
    """The checkpoint in a folder, whose configuration can be read: a broken folder is a failed run, not a wrong call.

    Args:
        path: folder or hub id; None: the encoder that comes with the package.
    """
    from kerasbert.checkpoints.opening import open_checkpoint

    checkpoint = open_checkpoint(path)
    _ = checkpoint.config  # read on demand
    return checkpoint
