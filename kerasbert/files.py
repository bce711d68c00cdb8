"""Writes files and folders completely or not at all: under a temporary name first, which is then renamed."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from kerasbert.errors import CheckpointError, KerasBertError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_LEFT = re.compile(r"\..+\.[0-9a-f]{32}")
"""The temporary names of `new_file`."""
_BUSY = "{}: another process is writing it; wait for it, or name another --out"


def check_target(folder: str | Path, *, megabytes: float = 0) -> Path:
    """Checks that `folder` can be written, before any long work starts.

    The folder must be absent or empty, and writable, and its disk must have enough free space.

    Args:
        megabytes: free space that is needed, in units of 10^6 bytes.

    Raises:
        KerasBertError: it cannot be written; the message names the folder and what to do.
    """
    folder = Path(folder)
    place = _nearest(folder)
    try:
        if _is_busy(folder):
            raise KerasBertError(_BUSY.format(folder))
        _check_empty(folder)
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
    its complete files are moved up. What a killed process left of it is removed.

    Args:
        target: the folder to make, absent or empty.
        update: whether `target` may contain files. Files of the same names are replaced, all others stay.

    Raises:
        KerasBertError: the disk is full, the folder is read-only, or another process is writing it. Other errors of the
            block are passed on.
    """
    if not update:
        check_target(target)
    target = Path(target).absolute()
    there, building = target.is_dir(), _building(target)
    begun = building.exists()
    with _parents(target), _alone(building, target, mode=0o700) as locked:
        if begun and not locked:
            raise KerasBertError(
                f"{building}: another process is writing it or was killed; if it was killed, remove it"
            )
        for left in building.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            if not update:  # another process may have ended since the first check
                _check_empty(target)
            yield building
            if there:
                for path in sorted(building.iterdir()):
                    if path.is_dir() and (target / path.name).is_dir():  # a folder is replaced whole
                        shutil.rmtree(target / path.name)
                    path.replace(target / path.name)
            else:
                building.chmod(0o755)  # until here only its owner can read it
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


@contextmanager
def held(folder: str | Path) -> Iterator[None]:
    """Holds a folder that a long run writes in place, so that no second run writes it too.

    The folder is made if it is absent, and removed at the end if it is empty. What killed processes left of files that
    they were writing in it is removed.

    Raises:
        KerasBertError: another process holds it, or it cannot be written.
    """
    folder = Path(folder)
    there = _nearest(folder) == folder
    with _parents(folder), _alone(folder, folder, mode=0o777):
        for path in folder.rglob(".*"):
            if _LEFT.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):  # not empty
                if not there:
                    folder.rmdir()


@contextmanager
def new_file(target: str | Path, *, alone: bool = False) -> Iterator[Path]:
    """Yields a temporary path. Its file becomes `target` if the block succeeds, and is deleted if the block fails.

    Args:
        alone: whether a second process that writes the same target is refused. Otherwise the last one counts.

    Raises:
        KerasBertError: the block or the renaming raised an OSError, for example because the disk is full; or another
            process is writing the file.
    """
    target = Path(target)
    building = _building(target) if alone else target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with _alone(building, target) if alone else nullcontext():
            try:
                yield building
                building.replace(target)
            finally:
                with suppress(OSError):  # already renamed, or never made
                    building.unlink()
    except OSError as error:
        raise KerasBertError(f"{target}: writing failed ({error.strerror or error})") from None


def _nearest(folder: Path) -> Path:
    """The folder itself if it is there, else the nearest of its parents that is.

    Raises:
        KerasBertError: this is a file.
    """
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir():
        raise KerasBertError(f"{place}: is a file; name a folder to write to")
    return place


def _check_empty(folder: Path) -> None:
    """Raises KerasBertError if a folder is there and has files, other than those that are being built."""
    if folder.is_dir() and any(path.name != _building(folder).name for path in folder.iterdir()):
        raise KerasBertError(f"{folder}: the output folder is not empty; name another, or empty it first")


def _is_busy(folder: Path) -> bool:
    """Whether another process is building this folder."""
    if fcntl is None:
        return False
    try:
        descriptor = os.open(_building(folder), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _building(target: Path) -> Path:
    """Where a target is built: beside it, or inside it if it is a folder that is there already."""
    target = Path(os.path.abspath(target))
    return (target if target.is_dir() else target.parent) / f".{target.name}.building"


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Makes the parents of a target; at the end those are removed again that are empty."""
    made = [parent for parent in target.absolute().parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasBertError(f"{target}: cannot be written ({error.strerror}); name another output folder") from None
    try:
        yield
    finally:
        for parent in made:
            with suppress(OSError):  # not empty if the block succeeded
                parent.rmdir()


@contextmanager
def _alone(path: Path, target: Path, *, mode: int | None = None) -> Iterator[bool]:
    """Makes a file or folder if it is absent, and holds the operating system's lock on it, which ends with its process.

    Some file systems have no such locks, as NFS for folders. There the block runs without one.

    Args:
        path: what is locked. target: what messages name.
        mode: who can use the folder if it is made here, as for `os.mkdir`; None: `path` is a file.

    Yields:
        Whether there is a lock.

    Raises:
        KerasBertError: another process holds the lock, or `path` cannot be made.
    """
    try:
        descriptor = _take(path, mode)
    except BlockingIOError:
        raise KerasBertError(_BUSY.format(target)) from None
    except OSError as error:
        raise KerasBertError(f"{target}: cannot be written ({error.strerror}); name another output folder") from None
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _take(path: Path, mode: int | None) -> int | None:
    """Makes and locks a file or folder. Returns the descriptor that holds the lock, or None if there are no locks.

    Args:
        mode: see `_alone`.

    Raises:
        BlockingIOError: another process has locked it. OSError: it cannot be made.
    """
    while True:
        if mode is not None and not path.is_dir():
            path.mkdir(mode, exist_ok=True)
        if fcntl is None:
            return None
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT if mode is None else os.O_RDONLY, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:  # a file system without locks
            os.close(descriptor)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # its last owner removed or renamed it meanwhile


def write_tensors(path: Path, tensors: Iterable[tuple[str, np.ndarray]], *, what: str) -> None:
    """Writes a safetensors file that all users can read; the library lets only its owner read it.

    Args:
        tensors: names and arrays.
        what: the beginning of the error message, which names the file.

    Raises:
        CheckpointError: the library could not write the file, for example because the disk is full.
    """
    try:
        # The library writes an array's memory as it is, whatever its order.
        save_file({name: np.asarray(x, order="C") for name, x in tensors}, path, metadata={"format": "pt"})
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
