"""kerasbert benchmark."""

import json
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Parallel
from kerasbert.runtime.manifest import Manifest


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--file",
    "files",
    multiple=True,
    help="Name of a file to measure, as in kerasbert.json. Repeatable.  [default: all]",
)
@click.option("--model", help="The model folder that the bundle was made from; Keras is measured too.")
@click.option(
    "--threads",
    multiple=True,
    type=Parallel(),
    help="Number of threads. Repeatable.  [default: 1, and the number of cores]",
)
@click.option(
    "--length",
    "lengths",
    multiple=True,
    type=click.IntRange(min=3),
    help="Number of tokens in the text. Repeatable.  [default: the lengths of the signatures]",
)
@click.option(
    "--runs", default=30, show_default=True, type=click.IntRange(min=1), help="Number of timed answers per length."
)
@click.option(
    "--chart", type=click.Path(path_type=Path), help="PNG file to write: milliseconds and accuracy of each file."
)
@click.option("--report", is_flag=True, help="Write the figures into the bundle's report.html.")
@options.as_json
def benchmark(bundle, files, model, threads, lengths, runs, chart, report, as_json):
    """Measure every file of BUNDLE: milliseconds per text, load time, memory and size.

    Each file runs on the CPU, in new processes of its own. The files take turns.

    \b
    Example:
      kerasbert benchmark bundle/
      kerasbert benchmark bundle/ --model model/ --threads 1 --length 32 --length 128 --chart files.png
    """
    manifest = Manifest.read(bundle)
    _check("--file", files, lambda name: name in manifest.files, f"the bundle has {', '.join(manifest.files)}")
    _check("--length", lengths, lambda n: n <= manifest.lengths[-1], f"its files take {manifest.lengths[-1]} tokens")
    _check("--chart", [chart] if chart else [], lambda path: path.parent.is_dir(), "no such folder")
    from kerasbert.cli.progress import measurement_lines
    from kerasbert.cli.table import print_measured
    from kerasbert.export.benchmark import measure as measuring
    from kerasbert.export.benchmark.chart import draw
    from kerasbert.export.report.page import read_rows, write_report

    recorded = read_rows(bundle, manifest) if chart or report else []
    rows = measuring.benchmark(
        bundle,
        files=files or None,
        model=model,
        threads=threads or None,
        lengths=lengths or None,
        runs=runs,
        progress=measurement_lines(),
    )
    if chart:
        figures = {row.format: row.figure for row in recorded if row.figure is not None}
        draw(rows, figures, chart, headline=manifest.definition.headline)
    if report:
        write_report(bundle, manifest, recorded, rows)
    if as_json:
        click.echo(json.dumps(measuring.as_data(rows)))
    else:
        print_measured(rows)


def _check(option: str, values, fits, reason: str) -> None:
    """Reports a wrong call before anything is measured."""
    for value in values:
        if not fits(value):
            raise click.BadParameter(f"{value}: {reason}", param_hint=option)
