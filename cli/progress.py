"""Progress of long work on stderr: how much is done, how fast, and the time left."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from kerasbert.progress import Line, time_left

NOTICEABLE = 2.0
"""Seconds after which a terminal keeps the last line of work that is done."""
PAUSE = 1.0
"""Seconds without news. What comes after them was done in the meantime, such as all answers of a few batches."""


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


def slice_lines():
    """A callback for `kerasbert.corpus.pipelines.prepare` that prints one line per finished slice."""
    started, tokens, seconds = time.monotonic(), 0, 0.0

    def show(shards, done: int, total: int) -> None:
        nonlocal tokens, seconds
        tokens += sum(shard.tokens for shard in shards)
        seconds += sum(shard.seconds for shard in shards)
        spent = time.monotonic() - started
        click.echo(
            f"slice {done}/{total}  {tokens / 1e6:.1f} M tokens  {tokens / spent / 1e6:.2f} M tokens/s  "
            f"{tokens / max(seconds, 1e-3) / 1e6:.2f} M tokens/CPU-s  {time_left(spent / done * (total - done))}",
            err=True,
        )

    return show


def measurement_lines():
    """A callback for `kerasbert.export.benchmark.measure.benchmark` that prints one line per measured process."""

    def show(done: int, total: int, row, left: float | None) -> None:
        measured = f"{row.name}, threads {row.threads}: {row.ms:.2f} ms at {row.sequence_length} tokens"
        click.echo(f"{done}/{total}  {measured}" + ("" if left is None else f"  {time_left(left)}"), err=True)

    return show
