"""kerasbert inspect."""

import json
from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.as_json
def inspect(path, as_json):
    """Say what PATH holds: a model folder, a bundle, a .tflite, .onnx or .safetensors file, or a labelled file.

    \b
    Example:
      kerasbert inspect model/
      kerasbert inspect bundle/model_int8.tflite
      kerasbert inspect train.csv --json
    """
    from kerasbert.export.describe import describe

    facts = describe(path)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
