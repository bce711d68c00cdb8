"""Weights that come with the package. Each folder has a README.md that describes how they were made."""

from pathlib import Path


def default_checkpoint() -> Path:
    """The folder of the encoder that is used if the user names no checkpoint."""
    return Path(__file__).parent / "novels"
