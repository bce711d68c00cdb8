"""Signal handlers that are installed for the length of a block."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def handled(handler: Callable, *numbers: signal.Signals) -> Iterator[None]:
    """Installs a handler for some signals within the block, and restores the previous handlers afterwards.

    Does nothing outside the main thread, because Python lets only the main thread set signal handlers.
    """
    before = {}
    with suppress(ValueError):
        before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)
