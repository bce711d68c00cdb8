"""Keeps the output of native libraries off the user's terminal."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from threading import Lock

log = logging.getLogger("kerasbert")
_lock = Lock()
_stderr: list[int] = []
"""One copy of the process's stderr per open block. The first block redirects stderr, the last one restores it."""


@contextmanager
def quiet() -> Iterator[None]:
    """Discards everything written to file descriptor 2 within the block, unless kerasbert's logger is at DEBUG.

    TensorFlow and its converter print from C++, which ignores Python's settings for logging and warnings. Their errors
    are raised as exceptions too, and those are passed on. File descriptors belong to the whole process, so output of
    other threads to stderr is lost as well. Commands therefore use this for their own steps only, and the runtime never
    does.
    """
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    with _lock:
        sys.stderr.flush()
        _stderr.append(os.dup(2))
        if len(_stderr) == 1:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        with _lock:
            # The first copy is the real stderr; copies made while another block was open point to os.devnull.
            if len(_stderr) == 1:
                os.dup2(_stderr[0], 2)
            os.close(_stderr.pop())


LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""The variable that says which of its messages TensorFlow leaves out: "0" none, "1" information, "2" warnings too,
"3" errors too."""
_OURS = "KERASBERT_" + LEVEL
"""The value of `LEVEL` that this package has set, in this process or in its parent."""
_users = os.environ.get(LEVEL) != os.environ.get(_OURS)
"""Whether the user has set `LEVEL`."""
_FILTER = r"""
import re, sys
hushed = re.compile(rb"I\d{4} |WARNING: All log messages before absl::|To enable the following instructions")
for line in sys.stdin.buffer:
    if not hushed.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def set_level(level: str) -> None:
    """Sets `LEVEL` for a TensorFlow that is not imported yet, unless the user has set it."""
    if not _users:
        os.environ[LEVEL] = os.environ[_OURS] = level


def hush_tensorflow() -> None:
    """Leaves out what TensorFlow prints for information, unless the user has set `LEVEL`.

    TensorFlow 2.21 prints several such lines when it is imported, whatever the variable says, so that its import is
    filtered besides.
    """
    set_level("1")
    if not _users and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder)


class _Finder:
    """Finds TensorFlow as Python does, and has its import filtered."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "tensorflow" else None
        if spec is None or os.environ.get(LEVEL) == "0":
            return None
        run = spec.loader.exec_module

        def exec_module(module) -> None:
            with _filtered():
                run(module)

        spec.loader.exec_module = exec_module
        return spec


@contextmanager
def _filtered() -> Iterator[None]:
    """Passes file descriptor 2 through a process that drops the lines of `_FILTER`.

    A process of its own still passes the last words of a TensorFlow that ends this process, for example because the
    processor lacks instructions.
    """
    # Nothing is shown anyway, or Python is part of another program, which `sys.executable` would start again.
    if _stderr or sys.stderr is None or not sys.executable or getattr(sys, "frozen", False):
        yield
        return
    with _lock, ExitStack() as end:
        with suppress(OSError):  # without another process, or without stderr, the import goes on unfiltered
            sys.stderr.flush()
            own = os.dup(2)
            end.callback(os.close, own)
            reader = subprocess.Popen([sys.executable, "-I", "-S", "-c", _FILTER], stdin=subprocess.PIPE, stderr=own)
            end.callback(_close, reader)
            end.callback(os.dup2, own, 2)
            os.dup2(reader.stdin.fileno(), 2)
        yield


def _close(reader: subprocess.Popen) -> None:
    """Waits until a process has read everything."""
    reader.stdin.close()
    with suppress(subprocess.TimeoutExpired):  # a child of this process may hold the pipe
        reader.wait(timeout=1)
