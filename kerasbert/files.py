"""Writes files and folders completely or not at all: under a temporary name first, which is then renamed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError
from safetensors.numpy import save_file

from kerasbert.errors import CheckpointError, KerasBertError


def check_target(folder: str | Path, *, megabytes: float = 0) -> Path:
    """Checks that `folder` can be written, before any long work starts.

    The folder must be absent or empty, and writable, and its disk must have enough free space.

    Args:
        megabytes: free space that is needed, in units of 10^6 bytes.

    Raises:
        KerasBertError: it cannot be written; the message names the folder and what to do.
    """
    folder = Path(folder)
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir():
        raise KerasBertError(f"{place}: is a file; name a folder to write to")
    try:
        if place == folder and any(folder.iterdir()):
            raise KerasBertError(f"{folder}: the output folder is not empty; name another, or empty it first")
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        raise KerasBertError(f"{folder}: cannot be written ({error.strerror}); name another output folder") from None
    free = shutil.disk_usage(place).free / 1e6
    if free < megabytes:
        raise KerasBertError(
            f"{folder}: {free:.0f} MB free on its disk, about {megabytes:.0f} MB needed; make room or name another disk"
        )
    return folder


@contextmanager
def new_folder(target: str | Path, *, update: bool = False) -> Iterator[Path]:
    """Yields a temporary folder. It becomes `target` if the block succeeds, and is deleted if the block fails.

    The temporary folder is made beside the target and renamed at the end. A target that already exists may be a mount
    point or the current folder, which cannot be replaced. The temporary folder is then made inside the target, and
    its complete files are moved up.

    Args:
        target: the folder to make, absent or empty.
        update: whether `target` may contain files. Files of the same names are replaced, all others stay.

    Raises:
        KerasBertError: the disk is full or the folder is read-only. Other errors of the block are passed on.
    """
    if not update:
        check_target(target)
    target = Path(target).absolute()
    there = target.is_dir()
    made = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target if there else target.parent))
    except OSError as error:
        raise KerasBertError(f"{target}: cannot be written ({error.strerror}); name another output folder") from None
    try:
        yield building
        if there:
            for path in sorted(building.iterdir()):
                if path.is_dir() and (target / path.name).is_dir():  # a folder is replaced whole
                    shutil.rmtree(target / path.name)
                path.replace(target / path.name)
        else:
            building.chmod(0o755)  # mkdtemp makes a folder that only its owner can read
            building.rename(target)
    except KerasBertError as error:  # it may name a file in the temporary folder, which is deleted
        error.args = (str(error).replace(str(building), str(target)),)
        raise
    except OSError as error:
        if _about(error, building):
            raise KerasBertError(f"{target}: writing failed ({error.strerror})") from None
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # not empty if the block succeeded
                parent.rmdir()


@contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """Yields a temporary path. Its file becomes `target` if the block succeeds, and is deleted if the block fails.

    Raises:
        KerasBertError: the block or the renaming raised an OSError, for example because the disk is full.
    """
    target = Path(target)
    building = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        yield building
        building.replace(target)
    except OSError as error:
        raise KerasBertError(f"{target}: writing failed ({error.strerror or error})") from None
    finally:
        with suppress(OSError):  # already renamed, or never made
            building.unlink()


def write_tensors(path: Path, tensors: dict, *, what: str) -> None:
    """Writes a safetensors file that all users can read; the library lets only its owner read it.

    Args:
        tensors: name -> NumPy array.
        what: the beginning of the error message, which names the file.

    Raises:
        CheckpointError: the library could not write the file, for example because the disk is full.
    """
    try:
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(0o644)
    except SafetensorError as error:
        raise CheckpointError(f"{what} could not be written ({error})") from None


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 file with line feeds as line ends, completely or not at all.

    Raises:
        KerasBertError: the file cannot be written.
    """
    with new_file(path) as building:
        building.write_text(text, encoding="utf-8", newline="\n")


def _about(error: OSError, folder: Path) -> bool:
    """Whether the error comes from writing in `folder`. Errors of writes to an open file have no file name."""
    if error.errno is None:
        return False
    return error.filename is None or str(error.filename).startswith(str(folder))
