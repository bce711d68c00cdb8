"""kerasbert finetune."""

from pathlib import Path

import click

from kerasbert.cli import options


@click.group()
def finetune():
    """Teach a checkpoint a task from a labelled file.

    \b
    Example:
      kerasbert finetune classify --train train.csv --dev dev.csv --out model/
    """


@finetune.command()
@options.checkpoint
@click.option("--train", required=True, type=click.Path(path_type=Path), help="Labelled .csv, .tsv or .jsonl.")
@click.option("--dev", type=click.Path(path_type=Path), help="Labelled file to measure after each epoch.")
@options.out
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(min=1), help="Passes over the file.")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(min=1), help="Texts a step.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Peak.  [default: 5e-5; 1e-4 up to BERT-small, 3e-4 up to BERT-mini]",
)
@click.option(
    "--warmup", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Share of steps to the peak."
)
@click.option(
    "--layer-decay",
    type=click.FloatRange(0, 1, min_open=True),
    help="Each block learns at that share of the rate of the block above, such as 0.9.  [default: one rate for all]",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    help="Tokens a text is cut to [default: 128, or what the model can take].",
)
@click.option(
    "--problem-type",
    default="single_label_classification",
    show_default=True,
    type=click.Choice(["single_label_classification", "multi_label_classification", "regression"]),
    help='Several labels are written "a|b"; regression wants a number.',
)
@click.option("--pooling", type=click.Choice(["cls", "mean", "additive"]), help="[default: the checkpoint's, else cls]")
@options.columns
@options.seed
def classify(checkpoint, train, dev, folder, text_column, pair_column, label_column, **recipe):
    """Single texts or pairs to a label, several labels or a number.

    \b
    Example:
      kerasbert finetune classify --train train.csv --dev dev.csv --out model/
      kerasbert finetune classify --checkpoint minilm/ --train mrpc.tsv --text-column "#1 String" \\
          --pair-column "#2 String" --label-column Quality --out model/
    """
    from kerasbert.examples.readers import read_examples
    from kerasbert.files import check_target

    columns = {"text_column": text_column, "pair_column": pair_column, "label_column": label_column}
    # What is easily wrong is told before the seconds that TensorFlow takes to load.
    check_target(folder)
    for path in filter(None, (train, dev)):
        read_examples(path, **columns)
    options.load_tensorflow()
    from kerasbert.runs.finetune import finetune_classifier

    figures = finetune_classifier(checkpoint, train, folder, dev=dev, columns=columns, **recipe)
    click.echo(f"{folder}: saved; " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
