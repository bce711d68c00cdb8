"""Progress of long work on stderr: how much is done, how fast, and the time left."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

NOTICEABLE = 2.0
"""Seconds after which a terminal keeps the last line of work that is done."""
PAUSE = 1.0
"""Seconds without news. What comes after them was done in the meantime, such as all answers of a few batches."""


def time_left(seconds: float) -> str:
    """A time in minutes and seconds, such as "1:05 left", or from an hour on "2:01:05 left"."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d} left" if hours else f"{minutes}:{seconds:02d} left"


class Line:
    """The line of a long run, rewritten several times per second on a terminal; elsewhere a new one every `seconds`."""

    def __init__(self, stream, seconds: float = 20.0):
        self.stream, self.live = stream, stream.isatty()
        self.seconds = 0.2 if self.live else seconds
        self.shown = time.monotonic()

    def due(self, now: float) -> bool:
        """Whether it is time for the next one."""
        return now - self.shown >= self.seconds

    def show(self, text: str, *, last: bool = False) -> None:
        """Args: last: stays on the terminal."""
        if not last:
            self.shown = time.monotonic()
        if self.live and not last:  # a line that wraps could not be rewritten
            text = text[: shutil.get_terminal_size().columns - 1]
        end = "" if self.live and not last else "\n"
        print(("\r\x1b[K" if self.live else "") + text, end=end, file=self.stream, flush=True)


class Count:
    """A line such as "answering 120/872  35 texts/s  0:21 left".

    A terminal rewrites it several times per second; elsewhere a new one comes every 20 seconds.

    Args:
        total: the amount of work, in `size` units of `unit`.
        size: how much of the work is one unit, such as 10^6 bytes.
    """

    def __init__(self, total: int, label: str, unit: str, size: float = 1):
        self.total, self.label, self.unit, self.size = total / size, label, unit, size
        self.line, self.begun, self.done = Line(sys.stderr), time.monotonic(), 0.0
        self.before, self.resumed, self.last = (0.0, self.begun), self.begun, self.begun

    def update(self, amount: int) -> None:
        """Counts finished work."""
        now = time.monotonic()
        if now - self.last > PAUSE:
            self.before, self.resumed = (self.done, self.last), now
        self.done, self.last = self.done + amount / self.size, now
        if self.line.due(now):
            self.line.show(self._text(now))

    def reach(self, amount: int, total: int) -> None:
        """Sets the finished amount and the total, for work that knows both."""
        self.total = total / self.size
        self.update(amount - self.done * self.size)

    def end(self) -> None:
        """Leaves the last line on a terminal, unless it was there for a moment only."""
        now = time.monotonic()
        if self.line.live and self.done:
            self.line.show(self._text(now) if now - self.begun > NOTICEABLE else "", last=now - self.begun > NOTICEABLE)

    def _text(self, now: float) -> str:
        # The first answers of a few batches come when all of them are computed: they say nothing of the rate.
        done, until = self.before if now - self.resumed < PAUSE else (self.done, now)
        shown = f"{self.label} {self.done:,.0f}/{self.total:,.0f}"
        if not done:
            return shown
        rate = done / (until - self.begun)
        return f"{shown}  {rate:,.1f} {self.unit}/s  {time_left((self.total - self.done) / rate)}"


@contextmanager
def counted(total: int, label: str = "answering", unit: str = "texts", size: float = 1) -> Iterator[Count]:
    """Yields a `Count`, whose `update` is told of finished work."""
    count = Count(total, label, unit, size)
    try:
        yield count
    finally:
        count.end()
