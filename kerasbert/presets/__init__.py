"""Weights that come with the package. The README.md of each folder says how they were made."""

from pathlib import Path


def default_checkpoint() -> Path:
    """The folder of the encoder that is read where no checkpoint is named."""
    return Path(__file__).parent / "novels"
