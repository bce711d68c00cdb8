"""Engines that several threads share, and work that several threads do."""

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


class Pool:
    """Interpreters of one file, each lent to one caller at a time.

    Args:
        first: the interpreter that uses all threads; a caller with one row gets it if it is free.
        make: makes a further interpreter, which uses one thread. It is called when one is needed for the first time.
        beside: number of further interpreters; 0 leaves `first`, for which callers wait in turn.
    """

    def __init__(self, first, make: Callable[[], object], *, beside: int):
        self._make = make
        self._first, self._further = queue.SimpleQueue(), queue.LifoQueue()
        self._first.put(first)
        for _ in range(beside):
            self._further.put(None)  # not made yet; those in use lie above, so that few are made
        self.beside = beside

    @contextmanager
    def lent(self, *, alone: bool) -> Iterator:
        """An interpreter for the length of a block. alone: the caller has a single row."""
        place, lent = self._taken(alone)
        try:
            if lent is None:
                lent = self._make()
            yield lent
        finally:
            place.put(lent)

    def _taken(self, alone: bool) -> tuple[queue.SimpleQueue | queue.LifoQueue, object]:
        if alone or not self.beside:
            try:
                return self._first, self._first.get(block=not self.beside)
            except queue.Empty:
                pass
        return self._further, self._further.get()


def in_threads(function: Callable, parts: Sequence, threads: int) -> list:
    """The function of every part, in order, computed by at most this number of threads.

    The threads end with the call, so that a process may be forked between two calls.
    """
    if threads == 1 or len(parts) < 2:
        return [function(part) for part in parts]
    with ThreadPoolExecutor(min(threads, len(parts))) as executor:
        return list(executor.map(function, parts))
