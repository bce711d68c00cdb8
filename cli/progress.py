"""Progress of long work on stderr: how much is done, how fast, and the time left."""

import io
import sys
import time

import click


def bar(length: int, label: str = "answering"):
    """A progress bar over `length` texts or bytes; hidden where stderr is not a terminal."""
    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=length, label=label, show_pos=True, file=file)


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
            f"{tokens / max(seconds, 1e-3) / 1e6:.2f} M tokens/CPU-s  {_left(spent, done, total)}",
            err=True,
        )

    return show


def measurement_lines():
    """A callback for `kerasbert.export.benchmark.measure.benchmark` that prints one line per measured process."""
    started = time.monotonic()

    def show(done: int, total: int, row) -> None:
        spent = time.monotonic() - started
        click.echo(
            f"{done}/{total}  {row.name}, threads {row.threads}: {row.ms:.2f} ms at {row.length} tokens  "
            f"{spent / done:.1f} s each, {_left(spent, done, total)}",
            err=True,
        )

    return show


def _left(spent: float, done: int, total: int) -> str:
    """The remaining time at the rate so far, such as "1:05 left"."""
    left = int(spent / done * (total - done))
    return f"{left // 60}:{left % 60:02d} left"
