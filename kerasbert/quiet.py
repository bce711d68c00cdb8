"""Keeps what native libraries print away from the user's terminal."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

log = logging.getLogger("kerasbert")
_lock = Lock()
_stderr: list[int] = []
"""One copy of the process's stderr for each block that is open; the first block redirects, the last one restores."""


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what is written to file descriptor 2 in the block, unless kerasbert's logger is at DEBUG.

    TensorFlow and its converter print from C++ whatever Python's logging and warnings say. Their errors come as
    exceptions as well, which pass through. File descriptors belong to the whole process: what other threads write to
    stderr meanwhile is lost, so commands use this for their own steps, and the runtime never does.
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
            # Copies made while another block was open lead to nowhere; the first one is the real stderr.
            if len(_stderr) == 1:
                os.dup2(_stderr[0], 2)
            os.close(_stderr.pop())
