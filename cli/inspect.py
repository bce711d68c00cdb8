"""kerasbert inspect."""

import json
from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.new_file("--plot", "PNG file to write: the row lengths of prepared data.")
@click.option(
    "--rehash", is_flag=True, help="Accept an edit that you made to a bundle's kerasbert.json, and record its new hash."
)
@options.as_json
def inspect(path, plot, rehash, as_json):
    """Show what PATH holds.

    PATH is a model, a bundle, prepared data, a labelled file (.csv, .tsv, .jsonl, .conll, or .json as SQuAD has it), or
    a .tflite, .onnx, .safetensors, .bin or .h5 file.

    \b
    Example:
      kerasbert inspect model/
      kerasbert inspect bundle/model_int8.tflite
      kerasbert inspect data/ --plot lengths.png
      kerasbert inspect train.csv --json
      kerasbert inspect bundle/ --rehash
    """
    from kerasbert.runs.describe import describe, draw_lengths, is_prepared

    if plot and not is_prepared(path):
        raise click.UsageError(f"--plot draws the rows of prepared data, which {path} is not")
    if rehash:
        from kerasbert.runtime.manifest import rehash as accept

        accept(path)
    facts = describe(path)
    if plot:
        draw_lengths(path, plot)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
