"""kerasbert verify."""

import json
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Number
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import Manifest


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Labelled file, such as evaluate takes, to measure every format on as well.",
)
@click.option(
    "--max-drop",
    type=Number(0, 100),
    help="Points of accuracy that a quantised file may lose on --data.  [default: 0.5; int4: 2, full-int8: 5]",
)
@options.columns
@options.as_json
def verify(bundle, data, max_drop, as_json, **given):
    """Check every file of BUNDLE against the answers that Keras gave when it was exported.

    \b
    Example:
      kerasbert verify bundle/
      kerasbert verify bundle/ --data test.csv
    """
    if max_drop is not None and data is None:
        raise click.UsageError("--max-drop is for labelled data; give --data")
    manifest = Manifest.read(bundle)
    if any(KINDS[file.kind].needs_tensorflow for file in manifest.files.values()):
        options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.export.gate.verify import check, read_data, report
    from kerasbert.export.gate.verify import verify as verify_bundle

    columns = options.taken_columns(given)
    examples = read_data(data, manifest.definition, manifest.task_settings, columns) if data else ()
    rows = verify_bundle(bundle, data=examples, max_drop=max_drop, progress=options.progress)
    if as_json:
        click.echo(json.dumps(report(rows)))
    else:
        print_rows(rows, manifest.definition.headline)
    check(rows)
