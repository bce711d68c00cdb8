"""Opens a model file a second time, if it is still the file that was checked."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kerasbert.errors import BundleError

Made = TypeVar("Made")


def reopening(path: Path, make: Callable[[], Made]) -> Callable[[], Made]:
    """A function that calls `make`, which opens the file again.

    Somebody may replace a bundle under a running server. Old and new weights would then answer side by side. Call this
    before the file is opened for the first time.

    Raises:
        BundleError: the returned function raises it if the file at the path is not the same as now.
    """
    first = _identity(path)

    def again() -> Made:
        _check(path, first)
        made = make()
        _check(path, first)  # it may have been replaced while it was opened
        return made

    return again


def _check(path: Path, first: tuple) -> None:
    if _identity(path) != first:
        raise BundleError(f"{path}: removed or replaced since it was opened; load the bundle again")


def _identity(path: Path) -> tuple:
    """What changes if a file is replaced or written to; empty if there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
