"""What native libraries print is kept from the user's terminal."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("kerasbert")


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what is written to file descriptor 2 in the block, unless kerasbert's logger is at DEBUG.

    TensorFlow, its converter and LiteRT print from C++ whatever Python's logging and warnings say. Their errors come as
    exceptions as well, which pass through.
    """
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
