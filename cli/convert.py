"""kerasbert convert."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from kerasbert.checkpoints.formats import WRITTEN
from kerasbert.cli import options


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Choice(WRITTEN), help="The format to write.")
@click.option("--approximate", is_flag=True, help="Accept that the format's own library computes slightly differently.")
@options.as_json
def convert(source, target, to, approximate, as_json):
    """Write the checkpoint in SOURCE as TARGET, in another format.

    SOURCE is a folder of Hugging Face, KerasHub, google-research/bert or the TensorFlow Model Garden, or a hub id. The
    new folder TARGET is read back and compared with SOURCE tensor by tensor. All weights become float32 and
    keep their values. README.md and LICENSE come along. --json prints what was done to every tensor.

    A model that the format's own library would compute slightly differently is refused without --approximate.
    KerasHub's BERT has the tanh approximation of gelu and most BERTs the exact one: vectors differ by about 0.1 %.

    \b
    Example:
      kerasbert convert uncased_L-12_H-768_A-12/ bert/ --to hf
      kerasbert convert model/ preset/ --to keras-hub
    """
    from kerasbert.checkpoints.convert import NOT_WRITTEN
    from kerasbert.checkpoints.convert import convert as write

    done = write(source, target, to=to, approximate=approximate)
    if as_json:
        click.echo(json.dumps(asdict(done), ensure_ascii=False))
        return
    click.echo(f"{target}: {done.task}, from {done.source} to {done.target}")
    counts = ", ".join(f"{number} {how}" for how, number in done.counts().items())
    click.echo(f"{len(done.rows)} tensors: {counts}; what was written was read back and is equal")
    for row in done.rows:
        if row.target is None:
            click.echo(f"{NOT_WRITTEN}: {row.source} ({row.how})")
    if done.read_as != done.task:
        click.echo(f"the new folder is read as {done.read_as}: {done.target} has no place for more")
    if not done.tokenizer:
        click.echo("no tokenizer: the source has none")
