"""kerasbert evaluate."""

import json
from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.argument("model")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Labelled file: .csv, .tsv, .jsonl or .conll."
)
@options.columns
@options.as_json
def evaluate(model, data, as_json, **given):
    """Measure MODEL on a labelled file. MODEL is a saved model or a bundle.

    \b
    Example:
      kerasbert evaluate model/ --data test.csv
      kerasbert evaluate bundle/ --data test.csv --json
    """
    from kerasbert.cli.progress import bar
    from kerasbert.errors import DataError
    from kerasbert.examples.readers import read_examples
    from kerasbert.tasks.remarks import count_cut, warn, warn_cut

    task = options.task_of(model)
    if task.figures is None:
        raise DataError(f"{model}: {task.name} has no figures to measure on labelled data")
    examples = read_examples(data, task, columns=options.taken_columns(given))
    opened = options.open_model(model)
    task.check(examples, opened.settings)
    warn(task, examples, opened.settings)
    with bar(len(examples)) as progress:
        answered = []
        for each in opened.answered(examples):
            answered.append(each)
            progress.update(1)
    warn_cut(sum(count_cut(each.rows) for each in answered), len(examples), opened.settings)
    figures = {"texts": len(examples), **task.figures(answered, opened.settings)}
    if as_json:
        click.echo(json.dumps(figures))
    else:
        widest = max(10, *map(len, figures))
        for name, value in figures.items():
            click.echo(f"{name:<{widest}} {value:.4f}" if isinstance(value, float) else f"{name:<{widest}} {value}")
