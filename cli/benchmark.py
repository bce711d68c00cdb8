"""kerasbert benchmark."""

import json
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Parallel
from kerasbert.runtime.kinds import KINDS
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
    "--sequence-length",
    "sequence_lengths",
    multiple=True,
    type=click.IntRange(min=3),
    help="Number of tokens in the text. Repeatable.  [default: the lengths of the signatures]",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help="Number of timed answers per length.  [default: 30; 5 with --quick]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="One short round with the usual number of threads, to see which file is fastest here.",
)
@options.new_file("--plot", "PNG file to write: milliseconds and accuracy of each file.")
@click.option("--report", is_flag=True, help="Write the figures into the bundle's report.html.")
@options.as_json
def benchmark(bundle, files, model, threads, sequence_lengths, runs, quick, plot, report, as_json):
    """Measure every file of BUNDLE: milliseconds per text, load time, memory and size.

    Each file runs on the CPU, in new processes of its own. The files take turns. The last line names the fastest file.

    \b
    Example:
      kerasbert benchmark bundle/ --quick
      kerasbert benchmark bundle/ --model model/ --threads 1 --sequence-length 32 --sequence-length 128 --plot files.png
    """
    manifest = Manifest.read(bundle)
    _check("--file", files, lambda name: name in manifest.files, f"the bundle has {', '.join(manifest.files)}")
    longest = manifest.lengths[-1]
    _check("--sequence-length", sequence_lengths, lambda n: n <= longest, f"its files take {longest} tokens")
    from kerasbert.cli.progress import measurement_lines
    from kerasbert.cli.table import print_measured
    from kerasbert.export.benchmark import measure as measuring
    from kerasbert.export.benchmark.chart import draw
    from kerasbert.export.report.page import read_rows, write_report

    recorded = read_rows(bundle, manifest) if plot or report else []
    rows = measuring.benchmark(
        bundle,
        files=files or None,
        model=model,
        threads=threads or None,
        sequence_lengths=sequence_lengths or None,
        runs=runs,
        quick=quick,
        progress=measurement_lines(),
    )
    if plot:
        figures = {row.format: row.figure for row in recorded if row.figure is not None}
        draw(rows, figures, plot, headline=manifest.definition.headline)
    if report:
        write_report(bundle, manifest, recorded, rows)
    if as_json:
        click.echo(json.dumps(measuring.as_data(rows)))
    else:
        print_measured(rows)
        click.echo(_advice(bundle, manifest, measuring.fastest(rows)))


def _advice(bundle, manifest: Manifest, best) -> str:
    """The fastest file, and the call that opens it in the runtime, if the runtime opens such a file."""
    said = f"fastest here: {best.name}, {best.text_ms:.2f} ms from text with threads {best.threads}"
    opens = KINDS[manifest.files[best.name].kind].engine
    return f'{said}; load("{bundle}", file="{best.name}", threads={best.threads})' if opens else said


def _check(option: str, values, fits, reason: str) -> None:
    """Reports a wrong call before anything is measured."""
    for value in values:
        if not fits(value):
            raise click.BadParameter(f"{value}: {reason}", param_hint=option)
