"""A handler of signals for a while."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def handled(handler: Callable, *numbers: signal.Signals) -> Iterator[None]:
    """Within, the handler gets these signals; nothing is changed outside the main thread, which has them to itself."""
    before = {}
    with suppress(ValueError):
        before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)
