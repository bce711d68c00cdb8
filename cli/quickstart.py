"""kerasbert quickstart."""

from pathlib import Path

import click

from kerasbert.cli import options


@click.command()
@click.option(
    "--out", "folder", default="quickstart", show_default=True, type=click.Path(path_type=Path), help="Folder to make."
)
@options.checkpoint
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(min=1), help="Passes over the sample.")
def quickstart(folder, checkpoint, epochs):
    """Fine-tune real weights on a sample of sentences, export every format, verify, and ask two sentences.

    \b
    Example:
      kerasbert quickstart --out quickstart/
    """
    from kerasbert.files import check_target

    check_target(folder)  # before the seconds that TensorFlow takes to load
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
    click.echo(f"{folder / 'model'} opens in Keras and transformers, {folder / 'bundle'} runs anywhere")
