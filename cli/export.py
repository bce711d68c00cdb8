"""kerasbert export."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.errors import BundleError
from kerasbert.files import check_target
from kerasbert.runtime.manifest import NAME as MANIFEST


@click.command()
@click.argument("model")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=["tflite", "onnx", "savedmodel"],
    type=click.Choice(["tflite", "onnx", "savedmodel"]),
    help="Again for more [default: all].",
)
@click.option(
    "--quantize",
    multiple=True,
    default=["none", "int8"],
    type=click.Choice(["none", "int8"]),
    help="Weights of the .tflite: float32, 8 bits; again for more [default: both].",
)
@click.option("--max-length", type=click.IntRange(min=3), help="Tokens a text is cut to [default: the model's].")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Labelled file that the files must answer as well as Keras."
)
@options.columns
@options.out
def export(model, formats, quantize, max_length, data, folder, **columns):
    """Write MODEL as a bundle: TFLite, ONNX and SavedModel files, each checked against Keras.

    A file that does not pass leaves nothing behind and ends with exit code 1.

    \b
    Example:
      kerasbert export model/ --out bundle/
      kerasbert export model/ --format tflite --quantize int8 --max-length 64 --data dev.csv --out phone/
    """
    if "tflite" not in formats and "none" not in quantize:
        raise click.UsageError(
            f"--quantize int8 is for --format tflite; {', '.join(formats)} have float32 weights only"
        )
    check_target(folder)
    if (Path(model) / MANIFEST).is_file():
        raise BundleError(f"{model}: is a bundle already; name the model folder that it was made from")
    options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.export.bundle import export_bundle
    from kerasbert.models.text_classifier import TextClassifier

    opened = TextClassifier.from_pretrained(model, max_length=max_length)
    rows = export_bundle(
        opened,
        folder,
        formats=formats,
        quantize=quantize,
        data=data,
        columns=columns,
        progress=options.progress,
    )
    print_rows(rows)
    click.echo(f"{folder}: written and checked")
