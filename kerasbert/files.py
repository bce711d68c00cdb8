"""Whole files or none: everything is written under a temporary name beside the target, then renamed."""

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
    """Checks, before any long work, that `folder` can be made: absent or empty, writable, with room.

    Raises:
        KerasBertError: naming the folder and the mend.
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
    """Yields a temporary folder that becomes `target` when the block ends well, and is gone when it does not.

    It is made beside the target and renamed. A target that is there already may be a mount point or the current folder,
    which cannot be renamed to: then it is made inside, and its whole files are moved up.

    Args:
        target: the folder to make, absent or empty.
        update: let it have files already: those of the same names are replaced, all others stay.

    Raises:
        KerasBertError: the disk is full, the place is read-only. Whatever else the block raises comes through.
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
                path.replace(target / path.name)
        else:
            building.chmod(0o755)  # mkdtemp's folders are private, a user's are not
            building.rename(target)
    except KerasBertError as error:  # it may name a file of the temporary folder, which will be gone
        error.args = (str(error).replace(str(building), str(target)),)
        raise
    except OSError as error:
        if _about(error, building):
            raise KerasBertError(f"{target}: writing failed ({error.strerror})") from None
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # not empty: all went well
                parent.rmdir()


@contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """Yields a temporary path that becomes `target` when the block ends well, and is gone when it does not.

    Raises:
        KerasBertError: the block or the renaming met an OSError, such as a full disk.
    """
    target = Path(target)
    building = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        yield building
        building.replace(target)
    except OSError as error:
        raise KerasBertError(f"{target}: writing failed ({error.strerror or error})") from None
    finally:
        with suppress(OSError):  # renamed, or never made
            building.unlink()


def write_tensors(path: Path, tensors: dict, *, what: str) -> None:
    """Writes a safetensors file that others may read: the library's are private, a user's files are not.

    Args:
        tensors: name -> NumPy array. what: begins the error's message.

    Raises:
        CheckpointError: the disk is full, for one; the library has an error of its own for that.
    """
    try:
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(0o644)
    except SafetensorError as error:
        raise CheckpointError(f"{what} could not be written ({error})") from None


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 file, its lines ended by a line feed, whole or not at all."""
    with new_file(path) as building:
        building.write_text(text, encoding="utf-8", newline="\n")


def _about(error: OSError, folder: Path) -> bool:
    """Whether the operating system refused to write in `folder`; a write to an open file names none."""
    if error.errno is None:
        return False
    return error.filename is None or str(error.filename).startswith(str(folder))
