"""Whole files or none: everything is written under a temporary name beside the target, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasbert.errors import KerasBertError


def check_target(folder: str | Path, *, megabytes: float = 0) -> Path:
    """Checks, before any long work, that `folder` can be made: absent or empty, writable, with room.

    Raises:
        KerasBertError: naming the folder and the mend.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise KerasBertError(f"{folder}: the output folder is not empty; name another, or empty it first")
    if folder.exists() and not folder.is_dir():
        raise KerasBertError(f"{folder}: is a file; name a folder to write to")
    parent = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise KerasBertError(f"{folder}: cannot be written ({error.strerror}); name another output folder") from None
    free = shutil.disk_usage(parent).free / 1e6
    if free < megabytes:
        raise KerasBertError(
            f"{folder}: {free:.0f} MB free on its disk, about {megabytes:.0f} MB needed; make room or name another disk"
        )
    return folder


@contextmanager
def new_folder(target: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder that becomes `target` when the block ends well, and is gone when it does not.

    Args:
        target: the folder to make.
        replace: whether a folder that is there already may be replaced, as a whole.
    """
    target = Path(target).absolute()
    if not replace:
        check_target(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise KerasBertError(f"{target}: cannot be written ({error.strerror}); name another output folder") from None
    try:
        building.chmod(0o755)  # mkdtemp's folders are private, a user's are not
        yield building
        if target.is_dir():
            retired = building.with_name(building.name + ".old")
            target.rename(retired)
            building.rename(target)
            shutil.rmtree(retired)
        else:
            building.rename(target)
    except OSError as error:
        raise KerasBertError(f"{target}: writing failed ({error.strerror or error}); nothing was left there") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes a whole text file or none."""
    path = Path(path)
    building = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        building.write_text(text, encoding="utf-8")
        building.replace(path)
    except OSError as error:
        raise KerasBertError(f"{path}: writing failed ({error.strerror or error})") from None
    finally:
        building.unlink(missing_ok=True)
