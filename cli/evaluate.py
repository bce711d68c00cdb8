"""kerasbert evaluate."""

import json
from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.argument("model")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Labelled .csv, .tsv or .jsonl.")
@options.columns
@options.as_json
def evaluate(model, data, as_json, **columns):
    """Measure MODEL, a saved model or a bundle, on a labelled file.

    \b
    Example:
      kerasbert evaluate model/ --data test.csv
      kerasbert evaluate bundle/ --data test.csv --json
    """
    from kerasbert.cli.progress import predict_logits
    from kerasbert.examples.labels import targets
    from kerasbert.examples.readers import pairs_of, read_examples
    from kerasbert.tasks import figures as metrics

    examples = read_examples(data, **columns)
    opened = options.open_model(model)
    truth = targets(examples, opened.labels, opened.problem_type, path=str(data))
    logits = predict_logits(opened, [example.text for example in examples], pairs_of(examples))
    figures = {"texts": len(examples), **metrics.evaluate(logits, truth, opened.problem_type)}
    if as_json:
        click.echo(json.dumps(figures))
    else:
        for name, value in figures.items():
            click.echo(f"{name:<10} {value:.4f}" if isinstance(value, float) else f"{name:<10} {value}")
