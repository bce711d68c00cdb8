"""kerasbert evaluate."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.argument("model")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Labelled file: .csv, .tsv, .jsonl, .conll or .json. For seq2seq also two files of lines: test.en,test.de.",
)
@options.task
@partial(options.answering, measured=True)
@options.batch_size
@options.new_file("--plot", "PNG file to write: the confusion matrix, or the answers beside the right numbers.")
@options.columns
@options.as_json
def evaluate(model, data, task, batch_size, plot, as_json, **given):
    """Measure MODEL on a labelled file, as a whole and by class. MODEL is a saved model, a .keras file or a bundle.

    \b
    Example:
      kerasbert evaluate model/ --data test.csv
      kerasbert evaluate model/ --data test.csv --plot confusion.png
      kerasbert evaluate bundle/ --data test.csv --json
    """
    options.keep_apart("--plot", plot, data)
    changed = options.taken_settings(given)
    from kerasbert.errors import DataError
    from kerasbert.examples.readers import read_examples
    from kerasbert.progress import counted
    from kerasbert.tasks.remarks import count_cut, warn, warn_cut

    definition = options.task_of(model, task)
    options.check_settings(changed, definition, model)
    if definition.figures is None:
        raise DataError(f"{model}: {definition.name} has no figures to measure on labelled data")
    if plot and definition.picture is None:
        raise click.UsageError(f"--plot: {definition.name} has no picture of right and wrong answers; leave it out")
    examples = read_examples(data, definition, columns=options.taken_columns(given))
    opened = options.open_model(model, task)
    settings = opened.settings = replace(opened.settings, **changed)
    definition.check(examples, settings)
    warn(definition, examples, settings)
    with counted(len(examples)) as count:
        answered = []
        for each in opened.answered(examples, **options.batching(batch_size)):
            answered.append(definition.brief(each, settings))
            count.update(1)
    warn_cut(definition, examples, sum(count_cut(each.rows) for each in answered), settings)
    figures = {definition.words.examples: len(examples), **definition.figures(answered, settings)}
    by_class = definition.by_class(answered, settings)
    picture = definition.picture and (plot or as_json) and definition.picture(answered, settings)
    if plot:
        from kerasbert.runs.answers import draw_answers

        draw_answers(picture, plot)
        click.echo(f"{plot}: the answers as a picture", err=True)
    if as_json:
        more = {"classes": by_class} if by_class else {}
        click.echo(json.dumps({**figures, **more, **(picture.as_data() if picture else {})}))
    else:
        _print(figures, by_class)


def _print(figures: dict, by_class: dict) -> None:
    from kerasbert.cli.table import print_figures, shown

    widest = max(10, *map(len, figures))
    for name, value in figures.items():
        click.echo(f"{name:<{widest}} {shown(value)}")
    if by_class:
        click.echo()
        print_figures(by_class, "class")
