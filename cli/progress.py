"""Progress of long work in several processes on stderr: one line per finished part."""

import time

import click

from kerasbert.progress import time_left


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
