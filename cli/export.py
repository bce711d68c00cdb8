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
    type=click.Choice(["tflite", "onnx", "savedmodel", "mediapipe", "tflite-text"]),
    help="tflite-text takes a text where tensorflow-text is; again for more [default: tflite, onnx, savedmodel].",
)
@click.option(
    "--quantize",
    multiple=True,
    default=["none", "int8"],
    type=click.Choice(["none", "float16", "int8-mixed", "int8", "int4", "int16x8", "full-int8"]),
    help="Weights: float32, float16, 8 bits, in .onnx files also with products in float32 (mixed), in .tflite ones "
    "also 4 bits; for NPUs 8 bits with activations of 16 bits, or of 8 bits too, calibrated on --data or on built-in "
    "texts; again for more [default: none and int8].",
)
@click.option(
    "--task",
    type=click.Choice(["text-classification", "sentence-embedding", "feature-extraction"]),
    help="What the files answer: labels, one vector per text, or one vector per token [default: as MODEL was saved].",
)
@click.option("--max-length", type=click.IntRange(min=3), help="Tokens a text is cut to [default: the model's].")
@click.option(
    "--sequence-length",
    "sequence_lengths",
    multiple=True,
    type=click.IntRange(min=3),
    help="Of a signature of the .tflite files, beside the longest; again for more [default: 16, 32, 64, ...].",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Labelled file that the files must answer as well as Keras."
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    help="Points of accuracy that a quantised file may lose on the data; one that loses more gets gentler settings.",
)
@click.option("--legacy-runtime", is_flag=True, help="int8 .tflite files that TFLite 2.9 to 2.16 read too.")
@click.option("--trainable-head", is_flag=True, help="Add .tflite files whose head learns on the device.")
@options.columns
@click.option("--web", is_flag=True, help="Add a page that runs the files in a browser; needs a network once.")
@options.out
def export(
    model,
    formats,
    quantize,
    task,
    max_length,
    sequence_lengths,
    data,
    max_drop,
    legacy_runtime,
    trainable_head,
    web,
    folder,
    **columns,
):
    """Write MODEL as a bundle: TFLite, ONNX and SavedModel files, each checked against Keras.

    A file that does not pass leaves nothing behind and ends with exit code 1.

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
    if formats == ("savedmodel",) and "none" not in quantize:
        raise click.UsageError(
            f"--quantize {quantize[0]} is for --format tflite and onnx; a SavedModel has float32 weights"
        )
    if legacy_runtime and "int4" in quantize:
        raise click.UsageError("--quantize int4 needs a runtime of today: leave --legacy-runtime out")
    if max_drop is not None and data is None:
        raise click.UsageError("--max-drop is of accuracy on labelled data: give --data as well")
    check_target(folder)
    if (Path(model) / MANIFEST).is_file():
        raise BundleError(f"{model}: is a bundle already; name the model folder that it was made from")
    options.load_tensorflow()
    from kerasbert.cli.table import print_rows
    from kerasbert.export.bundle import export_bundle
    from kerasbert.models.opening import open_model

    opened = open_model(model, task=task, max_length=max_length)
    rows = export_bundle(
        opened,
        folder,
        formats=formats or None,
        quantize=quantize,
        sequence_lengths=sequence_lengths or None,
        data=data,
        columns=columns,
        max_drop=max_drop,
        legacy_runtime=legacy_runtime,
        trainable_head=trainable_head,
        web=web,
        progress=options.progress,
    )
    print_rows(rows)
    click.echo(f"{folder}: written and checked")
    if web:
        click.echo(f"python -m http.server --directory {folder}  # and open http://localhost:8000/web/")
