"""What became of a vocabulary, in lines or as JSON."""

import json
from dataclasses import asdict
from pathlib import Path

import click


def show(folder: Path, done, as_json: bool) -> None:
    """Prints a `kerasbert.checkpoints.vocabulary.Resized`."""
    if as_json:
        pairs = {
            name: dict(zip(("before", "after"), getattr(done, name), strict=True)) for name in ("tokens", "numbers")
        }
        usage = {"usage": asdict(done.usage)} if done.usage else {}
        click.echo(json.dumps({"tokens": pairs["tokens"], "parameters": pairs["numbers"], **usage}))
        return
    (before, after), (large, small) = done.tokens, (4 * numbers / 1e6 for numbers in done.numbers)
    click.echo(f"{folder}: {after:,} tokens, before {before:,}; {small:.1f} MB of weights, before {large:.1f}")
    if done.usage:
        kept = ", ".join(f"{number:,} {kind}" for kind, number in done.usage.kept.items() if number)
        click.echo(f"kept: {kept}")
        counts = f"{done.usage.texts:,} texts with {done.usage.tokens:,} tokens ({done.usage.unknown:,} unknown)"
        click.echo(f"corpus: {counts}, all as before")
