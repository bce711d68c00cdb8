"""kerasbert verify."""

import json
from pathlib import Path

import click
from kerasbert.cli import options


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
    from kerasbert.cli.table import print_rows
    from kerasbert.export.verify import check, report
    from kerasbert.export.verify import verify as verify_bundle

    rows = list(verify_bundle(bundle, data=data, columns=columns))
    if as_json:
        click.echo(json.dumps(report(rows)))
    else:
        print_rows(rows)
    check(rows)
