"""kerasbert prepare."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Number, Parallel


@click.command()
@click.argument("texts", nargs=-1, required=True)
@click.option(
    "--vocab",
    "tokenizer",
    required=True,
    type=click.Path(path_type=Path),
    help="A vocab.txt, a tokenizer.json, or the folder that holds one.",
)
@options.out
@click.option(
    "--mode",
    default="mlm",
    show_default=True,
    type=click.Choice(["mlm", "mlm-nsp", "mlm-sop"]),
    help="mlm: whole sentences. mlm-nsp: pairs that follow each other or not. mlm-sop: pairs in order or swapped.",
)
@click.option(
    "--max-length", default=128, show_default=True, type=click.IntRange(min=8), help="Number of tokens in a row."
)
@click.option("--pack", is_flag=True, help="Put several instances into one row, without attention between them.")
@click.option(
    "--short",
    "short_probability",
    default=0.1,
    show_default=True,
    type=Number(0, 1),
    help="Share of instances that are cut to a random shorter length.",
)
@click.option(
    "--sentences",
    default="icu",
    show_default=True,
    type=click.Choice(["icu", "lines"]),
    help="How sentences are found: by ICU's rules, or one per line.",
)
@click.option(
    "--words",
    type=click.Choice(["spaces"]),
    help="Take the text between two spaces as one word for whole-word masking (segmented Chinese).",
)
@options.corpus
@options.seed
@click.option(
    "--slice-mb",
    default=16.0,
    show_default=True,
    type=Number(min=0, min_open=True),
    help="Approximate amount of text per shard, in MB.",
)
@click.option("--workers", default=1, show_default=True, type=Parallel(), help="Number of processes on this machine.")
@click.option(
    "--runner",
    help="Apache Beam runner to use instead: DaskRunner, FlinkRunner, SparkRunner, DataflowRunner, DirectRunner, ...",
)
@click.option(
    "--beam",
    "beam_options",
    multiple=True,
    help="Option for Beam, such as --beam=--dask_client_address=HOST:8786. Repeatable.",
)
def prepare(texts, tokenizer, folder, slice_mb, workers, runner, beam_options, pack, **chosen):
    """Turn TEXTS into pre-training data. TEXTS are files, folders or patterns, compressed or not.

    The shards are the same for any number of workers and any runner. If a run is killed, the same command continues
    where it stopped.

    \b
    Example:
      kerasbert prepare books/ --vocab vocab/ --workers 8 --out data/
      kerasbert prepare "wiki/*.jsonl.zst" --vocab vocab/ --max-length 512 --pack --out data/
      kerasbert prepare books/ --vocab vocab/ --runner DaskRunner --beam=--dask_client_address=HOST:8786 --out data/
    """
    if beam_options and not runner:
        raise click.UsageError("--beam is for a --runner; name one")
    options.load_tensorflow()
    from kerasbert.cli.progress import slice_lines
    from kerasbert.corpus.pipelines import beam_engine
    from kerasbert.corpus.pipelines import prepare as prepare_data
    from kerasbert.corpus.preparation import Settings

    settings = Settings(packed=pack, slice_bytes=int(slice_mb * 2**20), **chosen)
    engine = beam_engine(runner, beam_options) if runner else None
    index = prepare_data(
        texts, tokenizer, folder, settings=settings, workers=workers, engine=engine, progress=slice_lines()
    )
    click.echo(f"{folder}: {index.total('tokens')} tokens in {index.total('rows')} rows, {len(index.shards)} shards")
