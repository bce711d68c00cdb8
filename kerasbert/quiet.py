"""Keeps the output of native libraries off the user's terminal."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
