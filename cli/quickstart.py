"""kerasbert quickstart."""

from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.option(
    "--out",
    "folder",
    default="quickstart",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to create.",
)
@options.checkpoint
@click.option(
    "--epochs", default=3, show_default=True, type=click.IntRange(min=1), help="Passes over the training sentences."
)
def quickstart(folder, checkpoint, epochs):
    """Fine-tune a small encoder on sample sentences, export every format, verify the files, and ask two sentences.

    \b
    Example:
      kerasbert quickstart --out quickstart/
    """
    from kerasbert.files import check_target

    check_target(folder)  # before TensorFlow loads, which takes seconds
    options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.runs.quickstart import SENTENCES, run

    rows, answers = run(
        folder,
        checkpoint=checkpoint,
        epochs=epochs,
        progress=options.progress,
    )
    print_rows(rows, "accuracy")
    for sentence, answer in zip(SENTENCES, answers, strict=True):
        click.echo(f"{answer['label']} ({answer['score']:.2f}): {sentence}")
    click.echo(f"{folder / 'model'} opens in Keras, and {folder / 'bundle'} runs anywhere")
