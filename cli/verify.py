"""kerasbert verify."""

import json
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.runtime.manifest import Manifest


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Labelled file to compare the formats on as well.")
@options.columns
@options.as_json
def verify(bundle, data, as_json, **columns):
    """Check every file of BUNDLE against the answers that Keras gave when it was exported.

    \b
    Example:
      kerasbert verify bundle/
      kerasbert verify bundle/ --data test.csv
    """
    if "saved_model" in Manifest.read(bundle).files:
        options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.export.gate.parity import Truth, check, report
    from kerasbert.export.gate.parity import verify as verify_bundle

    truth = None if data is None else Truth.read(data, Manifest.read(bundle), **columns)
    rows = verify_bundle(bundle, truth=truth, progress=options.progress)
    if as_json:
        click.echo(json.dumps(report(rows)))
    else:
        print_rows(rows)
    check(rows)
