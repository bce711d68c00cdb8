"""kerasbert export."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Number
from kerasbert.errors import BundleError, ExportError
from kerasbert.export.options import ExportOptions
from kerasbert.export.variants import FORMATS, QUANTIZE, USUAL
from kerasbert.files import check_target
from kerasbert.runtime.manifest import NAME as MANIFEST
from kerasbert.tasks import NAMES

SETTINGS = "\n".join(f"  {name:<10} {what}" for name, what in reversed(QUANTIZE.items()))


@click.command(epilog=f"\b\nSettings of --quantize:\n{SETTINGS}")
@click.argument("model")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Kind of file to write. tflite-text takes the text itself, where tensorflow-text is installed. Repeatable. "
    f" [default: {', '.join(USUAL)}]",
)
@click.option(
    "--quantize",
    multiple=True,
    default=ExportOptions.quantize,
    show_default=True,
    type=click.Choice(list(reversed(QUANTIZE))),
    help="How weights are stored. All formats: none, float16, int8; ONNX: int8-mixed; TFLite: int4, and for NPUs "
    "int16x8, full-int8 (calibrated on --data). Repeatable.",
)
@click.option(
    "--task",
    type=click.Choice(NAMES),
    help="What the files answer: labels, entities, parts of a context, words for masks, texts, one vector per text, or "
    "one vector per token.  [default: as MODEL was saved]",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    help="Largest number of tokens in a row. A longer text is cut; text-classification, token-classification and "
    "question-answering make several rows of it.  "
    "[default: the model's]",
)
@click.option(
    "--sequence-length",
    "sequence_lengths",
    multiple=True,
    type=click.IntRange(min=3),
    help="Input length of a signature of the .tflite files, besides the longest. Repeatable. "
    " [default: 16, 32, 64, ...]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Labelled file, such as evaluate takes, that the exported files must answer as well as Keras does.",
)
@click.option(
    "--max-drop",
    type=Number(0, 100),
    help="Points of accuracy that a quantised file may lose on --data. A file that loses more is written again in a "
    "gentler setting.",
)
@click.option("--legacy-runtime", is_flag=True, help="Write int8 .tflite files that TFLite 2.9 to 2.16 can read too.")
@click.option("--trainable-head", is_flag=True, help="Add .tflite files whose head learns on the device.")
@options.columns
@click.option(
    "--web", is_flag=True, help="Add a page that runs the files in a browser. Needs a network the first time."
)
@options.out
def export(model, task, max_length, folder, **given):
    """Write MODEL as a bundle: TFLite, ONNX and SavedModel files, each checked against Keras.

    If a file does not pass, nothing is left behind and the exit code is 1.

    \b
    Example:
      kerasbert export model/ --out bundle/
      kerasbert export model/ --format tflite --quantize int8 --max-length 64 --data dev.csv --out phone/
      kerasbert export model/ --data dev.csv --max-drop 0.5 --out bundle/
      kerasbert export model/ --format mediapipe --quantize int8 --max-length 128 --out app/
      kerasbert export model/ --format mediapipe --legacy-runtime --max-length 128 --out task-library/
      kerasbert export model/ --format tflite --format tflite-text --out server/
      kerasbert export model/ --format tflite --quantize int16x8 --data dev.csv --out npu/
      kerasbert export model/ --trainable-head --max-length 64 --out bundle/
      kerasbert export model/ --web --out bundle/
      kerasbert export encoder/ --task sentence-embedding --sequence-length 32 --max-length 128 --out search/
      kerasbert export encoder/ --task feature-extraction --max-length 128 --out features/
    """
    columns = options.taken_columns(given)
    given = {name: None if value == () else value for name, value in given.items()}
    with options.wrong_call(ExportError):
        chosen = ExportOptions(**given, columns=columns)
    check_target(folder)
    if (Path(model) / MANIFEST).is_file():
        raise BundleError(f"{model}: is a bundle already; name the model folder that it was made from")
    task = task or options.task_of(model).name
    options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.export.bundle import export_bundle
    from kerasbert.export.exportable import check_formats
    from kerasbert.models.opening import open_model

    opened = open_model(model, task=task, max_length=max_length)
    if opened.tokenizer is not None:
        with options.wrong_call(ExportError):
            check_formats(opened, chosen)
    rows = export_bundle(opened, folder, chosen, progress=options.progress)
    print_rows(rows, opened.task.headline)
    click.echo(f"{folder}: written and checked")
    if chosen.web:
        click.echo(f"python -m http.server --directory {folder}  # and open http://localhost:8000/web/")
