"""kerasbert pretrain."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Number
from kerasbert.config import SIZES
from kerasbert.families import FAMILIES

MODEL_TYPES = [name for name, family in FAMILIES.items() if not family.static]
RECIPES = ("bert", "roberta", "lamb", "lamb-2", "24h")  # a test compares it with the table, which needs Keras


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder for the run and its model."
)
@click.option("--size", default="tiny", show_default=True, type=click.Choice(list(SIZES)), help="Size of a new model.")
@click.option(
    "--model-type", default="bert", show_default=True, type=click.Choice(MODEL_TYPES), help="Family of a new model."
)
@click.option(
    "--positions",
    type=click.IntRange(min=8),
    help="Most tokens that a new model takes.  [default: as many as a row of the data]",
)
@click.option("--init-from", help="Folder or hub id whose weights the run starts from; optimizer and steps start anew.")
@click.option("--dev", type=click.Path(path_type=Path), help="Folder of prepared held-out data to measure on.")
@click.option(
    "--recipe",
    default="24h",
    show_default=True,
    type=click.Choice(RECIPES),
    help="Published recipe that sets every option not given.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Number of updates.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per update, over all devices.")
@click.option("--learning-rate", type=options.ABOVE_0, help="Learning rate at its peak.")
@click.option("--warmup", type=Number(0, 1), help="Share of the steps in which the learning rate grows to its peak.")
@click.option(
    "--schedule",
    type=click.Choice(["linear", "polynomial", "cosine", "wsd"]),
    help="How the learning rate falls after its peak.",
)
@click.option("--optimizer", type=click.Choice(["adamw", "lamb"]), help="Optimizer that updates the weights.")
@options.weight_decay
@click.option("--clip-norm", type=options.ABOVE_0, help="Largest norm of the gradients; larger ones are clipped.")
@click.option("--dropout", type=Number(0, 1, max_open=True), help="Dropout of a new model.")
@click.option("--mask-rate", type=Number(0, 1, min_open=True, max_open=True), help="Share of tokens to predict.")
@click.option("--whole-words", is_flag=True, help="Mask all pieces of a word together.")
@click.option("--buckets", help="Lengths that rows are padded to, such as 32,64,128.  [default: the longest row]")
@options.run
@click.option(
    "--xla/--no-xla", "jit_compile", default=None, help="Whether XLA compiles the training step.  [default: on a GPU]"
)
@click.option("--recompute", is_flag=True, help="Save memory by computing each block again in the backward pass.")
@click.option(
    "--save-every", default=1000, show_default=True, type=click.IntRange(min=1), help="Steps between checkpoints."
)
@click.option(
    "--keep",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of newest checkpoints to keep, besides the best one.",
)
@click.option(
    "--evaluate-every",
    type=click.IntRange(min=1),
    help="Steps between measurements on --dev.  [default: as --save-every]",
)
@click.option(
    "--log-every",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Most steps between two lines of training.csv; a short run has ten lines or more.",
)
@click.option(
    "--max-rollbacks",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="How often a run may go back to a checkpoint after its loss explodes.",
)
@options.seed
def pretrain(data, folder, recipe, buckets, whole_words, jit_compile, **chosen):
    """Teach an encoder to fill in masked words. DATA is a folder that `kerasbert prepare` made.

    The run writes checkpoints. If it is killed, --resume continues it with the same result as an uninterrupted run, on
    any number of devices. On several machines, run the same command on each with its own TF_CONFIG.

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
            raise click.UsageError(f"{options.flag(name)} is for a new model; --init-from brings its own")
    options.load_tensorflow()
    from kerasbert.runs import pretrain as pretraining
    from kerasbert.runs.pretrain_options import PretrainOptions
    from kerasbert.tasks.masking import Masking
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
