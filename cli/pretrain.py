"""kerasbert pretrain."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.config import FAMILIES, SIZES

RECIPES = ("bert", "roberta", "lamb", "lamb-2", "24h")  # a test compares it with the table, which needs Keras
STRATEGIES = ("auto", "one", "mirrored", "multi-worker", "tpu")
ABOVE_0 = click.FloatRange(min=0, min_open=True)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the run and its model."
)
@click.option("--size", default="tiny", show_default=True, type=click.Choice(list(SIZES)), help="Size of a new model.")
@click.option(
    "--model-type", default="bert", show_default=True, type=click.Choice(list(FAMILIES)), help="Family of a new model."
)
@click.option(
    "--positions",
    type=click.IntRange(min=8),
    help="Tokens of the longest text that a new model takes [default: the data's rows].",
)
@click.option("--init-from", help="Begin with the weights of this folder or hub id; optimizer and steps are new.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, or begin it if there is none.")
@click.option("--dev", type=click.Path(path_type=Path), help="Prepared held-out data to measure on.")
@click.option(
    "--recipe",
    default="24h",
    show_default=True,
    type=click.Choice(RECIPES),
    help="Gives every number that is not given here.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Number of updates.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per update, over all devices.")
@click.option("--learning-rate", type=ABOVE_0, help="Learning rate at its peak.")
@click.option("--warmup", type=click.FloatRange(0, 1), help="Share of the steps before the peak.")
@click.option(
    "--schedule",
    type=click.Choice(["linear", "polynomial", "cosine", "wsd"]),
    help="How the learning rate falls after the peak.",
)
@click.option("--optimizer", type=click.Choice(["adamw", "lamb"]), help="Algorithm that updates the weights.")
@click.option(
    "--weight-decay", type=click.FloatRange(min=0), help="Share that matrices lose per step, times the learning rate."
)
@click.option("--clip-norm", type=ABOVE_0, help="Largest norm of the gradient.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="Dropout rate of a new model.")
@click.option(
    "--mask-rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Share of tokens to predict."
)
@click.option("--whole-words", is_flag=True, help="Mask the pieces of a word together.")
@click.option("--buckets", help="Lengths to pad rows to, such as 32,64,128 [default: the longest].")
@click.option(
    "--strategy", default="auto", show_default=True, type=click.Choice(STRATEGIES), help="Devices that share the work."
)
@click.option(
    "--accumulate",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Micro-batches that a batch is cut into.",
)
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bf16", "fp16"]),
    help="Number format of the matrix products.",
)
@click.option("--xla/--no-xla", "jit_compile", default=None, help="Compile the step [default: where there is a GPU].")
@click.option("--recompute", is_flag=True, help="Save memory: compute blocks again in the backward pass.")
@click.option(
    "--save-every", default=1000, show_default=True, type=click.IntRange(min=1), help="Steps between checkpoints."
)
@click.option(
    "--save-minutes", default=10.0, show_default=True, type=ABOVE_0, help="Longest time between two checkpoints."
)
@click.option(
    "--keep",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="Newest checkpoints to keep, beside the best.",
)
@click.option(
    "--evaluate-every", type=click.IntRange(min=1), help="Steps between measurements [default: --save-every]."
)
@click.option(
    "--log-every",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Steps between records in training.csv.",
)
@click.option(
    "--max-rollbacks",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="Exploding losses that are forgiven.",
)
@options.seed
def pretrain(data, folder, recipe, buckets, whole_words, jit_compile, **chosen):
    """Teach an encoder to fill in masked words, on DATA of `kerasbert prepare`.

    Checkpoints are written meanwhile; a killed run goes on with --resume as if nothing had happened, on any number of
    devices. On several machines, run the same command on each with its own TF_CONFIG.

    \b
    Example:
      kerasbert pretrain data/ --size tiny --batch-size 32 --steps 5000 --learning-rate 1e-3 --out model/
      kerasbert pretrain data/ --dev held-out/ --recipe bert --size base --precision bf16 --out model/ --resume
      kerasbert pretrain longer/ --init-from model/ --recipe lamb-2 --accumulate 64 --out model-512/
    """
    lengths = _lengths(buckets)
    source_of = click.get_current_context().get_parameter_source
    for name in ("size", "model_type", "positions", "dropout"):
        if chosen["init_from"] and source_of(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is for a new model; --init-from brings its own")
    options.load_tensorflow()
    from kerasbert.corpus.masking import Masking
    from kerasbert.runs import pretrain as pretraining
    from kerasbert.runs.pretrain_options import PretrainOptions
    from kerasbert.training.recipes import Recipe

    fields = Recipe.__dataclass_fields__.keys() & chosen.keys()
    recipe = Recipe.named(recipe, **{name: chosen.pop(name) for name in fields})
    options_of_run = PretrainOptions(
        masking=Masking(rate=recipe.mask_rate, whole_words=whole_words),
        buckets=lengths,
        jit_compile="auto" if jit_compile is None else jit_compile,
        **chosen,
    )
    figures = pretraining.pretrain(data, folder, recipe, options_of_run)
    click.echo(f"{folder}: saved; " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))


def _lengths(buckets: str | None) -> list[int] | None:
    if buckets is None:
        return None
    lengths = buckets.split(",")
    if not all(length.strip().isdigit() and int(length) for length in lengths):
        raise click.BadParameter(f"{buckets!r} is not a list of lengths such as 32,64,128", param_hint="--buckets")
    return [int(length) for length in lengths]
