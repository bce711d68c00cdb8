"""kerasbert finetune: one command per task that learns from labelled files."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.folders import opened
from kerasbert.cli.numbers import Number
from kerasbert.config import SCORES
from kerasbert.tasks import NAMES, task_named


@click.group()
def finetune():
    """Teach a checkpoint a task from a labelled file.

    \b
    Example:
      kerasbert finetune text-classification --train train.csv --dev dev.csv --out model/
    """


def _different(context, parameter, rates: tuple[float, ...]) -> tuple[float, ...] | None:
    """The learning rates, None for none."""
    twice = next((rate for rate in rates if rates.count(rate) > 1), None)
    if twice is not None:
        raise click.BadParameter(f"{twice:g} is given twice; try different ones")
    return rates or None


_FILES = {
    ".json": "Labelled file: .json as SQuAD has it, or .csv, .tsv or .jsonl.",
    ".conll": "Labelled file: .conll with one word per line, or .csv, .tsv or .jsonl.",
    ".txt": "File of texts: .txt with one text per line, or .csv, .tsv or .jsonl with a column of texts.",
    "": "Labelled file: .csv, .tsv or .jsonl.",
    "seq2seq": "Two files with one text per line, named with a comma between: train.en,train.de. They may be packed "
    "(.gz). Or one file, .csv, .tsv or .jsonl, with sources and targets.",
}
"""The name of a task, or `Task.format` -> the help text of --train."""

CLASS_WEIGHT = click.option(
    "--class-weight",
    type=click.Choice(["balanced"]),
    help="Let every label count the same in the loss, however rare it is.",
)
"""For tasks with labels."""

RECIPE = (
    click.option("--dev", type=click.Path(path_type=Path), help="Such a file, to measure on after each epoch."),
    options.out,
    click.option(
        "--epochs", default=3, show_default=True, type=click.IntRange(min=1), help="Passes over the training file."
    ),
    click.option(
        "--learning-rate",
        type=options.ABOVE_0,
        multiple=True,
        callback=_different,
        help="Learning rate at its peak. Repeatable: each is tried on --dev, and the best is kept.  [default: 5e-5; "
        "1e-4 up to BERT-small, 3e-4 up to BERT-mini; ten times as much with --lora]",
    ),
    click.option(
        "--lora",
        metavar="RANK",
        type=click.IntRange(min=1),
        help="Rank of LoRA, such as 8: the encoder stays as it is, and small matrices beside the linear layers of "
        "each block learn. The saved model has merged weights.  [default: every weight learns]",
    ),
    click.option(
        "--warmup",
        default=0.1,
        show_default=True,
        type=Number(0, 1),
        help="Share of the steps in which the learning rate grows to its peak.",
    ),
    click.option(
        "--layer-decay",
        type=Number(0, 1, min_open=True),
        help="Learning rate of a block as a share of the rate of the block above it, such as 0.9.  [default: one rate "
        "for all blocks]",
    ),
    partial(options.weight_decay, default=0.01, show_default=True),
    click.option(
        "--keep",
        type=click.Choice(["best", "last"]),
        help="Which epoch's weights are saved: those of the best on --dev, or of the last.  [default: best with "
        "--early-stopping, else last]",
    ),
    click.option(
        "--early-stopping",
        metavar="N",
        type=click.IntRange(min=1),
        help="End after N epochs that are not better on --dev than the best.",
    ),
    click.option(
        "--average",
        metavar="N",
        default=1,
        show_default=True,
        type=click.IntRange(min=1),
        help="Save the mean of the weights after N epochs: the kept one and those before it.",
    ),
)

DEV_SAMPLE = click.option(
    "--dev-sample",
    metavar="N",
    default=200,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of texts of --dev that are answered after each epoch, without beams, for the curves. At the end all "
    "are answered.",
)
"""For tasks whose answers take long."""

WRITING = (
    click.option(
        "--decoder-layers",
        metavar="N",
        type=click.IntRange(min=1),
        help="Number of the decoder's blocks, for a checkpoint without a decoder. Each begins as a block of the "
        "encoder.  [default: as many as the encoder has]",
    ),
    click.option(
        "--cross-attention",
        type=click.Choice(SCORES),
        help="How a new decoder compares what it writes with the source.  [default: dot]",
    ),
    click.option(
        "--label-smoothing",
        type=Number(0, 1, max_open=True),
        help="Share of the probability of each token that is spread over all words.  [default: 0.1]",
    ),
)
"""For tasks that write texts."""

FEW_SHOT = click.option(
    "--few-shot",
    metavar="PAIRS",
    is_flag=False,
    flag_value=4,
    type=click.IntRange(min=1),
    help="Learn from few labelled texts, such as 16 per label (SetFit): pairs of texts with the same label teach the "
    "encoder first, among texts of other labels, and then a linear classifier is put on its mean. The number of pairs "
    "per text is 4 if none is given; --epochs are passes over them.",
)
"""For text classification."""


def _loss(task):
    """--loss, one of the task's losses."""
    return click.option(
        "--loss",
        type=click.Choice(list(task.losses)),
        help="Loss of examples without scores. triplet needs a negative in each.  [default: by the columns: "
        "multiple_negatives_ranking without scores, else the squared difference of cosine and score]",
    )


def _command(name: str) -> click.Command:
    """`kerasbert finetune NAME`, whose last options are made from the task's settings."""
    task = task_named(name)
    fields = [each for each in dataclasses.fields(task.Settings) if "help" in each.metadata]
    ending = task.format or ".csv"

    def run(train, folder, **given):
        _finetune(name, train, folder, given, [each.name for each in fields])

    run.__doc__ = f"""{task.words.teaches}

    \b
    Example:
      kerasbert finetune {name} --train train{ending} --dev dev{ending} --out model/
{_with_columns(task)}    """
    made = [options.setting(each, f"the checkpoint's, else {each.metadata['usual']}") for each in fields]
    columns = partial(options.columns, task=task)
    train = click.option(
        "--train", required=True, type=click.Path(path_type=Path), help=_FILES.get(name, _FILES[task.format])
    )
    further = {
        CLASS_WEIGHT: "labels" in task.Settings.__dataclass_fields__,
        DEV_SAMPLE: task.quick is not None,
        _loss(task): bool(task.losses),
        FEW_SHOT: name == "text-classification",
    }
    writing = WRITING if task.quick else ()
    recipe = (*RECIPE, *_batching(task), *writing, *(each for each, fits in further.items() if fits))
    for decorate in reversed(
        (
            options.checkpoint,
            train,
            *recipe,
            _max_length(task),
            _metric(task),
            options.run,
            *made,
            columns,
            options.seed,
        )
    ):
        run = decorate(run)
    return click.command(name)(run)


def _batching(task):
    """--batch-size and --batch-tokens, of which one has a default value."""
    by_tokens = task.usual_batch_tokens is not None
    usual = {"--batch-size": "" if by_tokens else "  [default: 32]"}
    usual["--batch-tokens"] = f"  [default: {task.usual_batch_tokens}]" if by_tokens else ""
    words = {
        "--batch-size": "Texts per step.",
        "--batch-tokens": "Tokens per step, with padding, in place of --batch-size. Texts of about the same length "
        "share a step." + " Sources and targets count together." * by_tokens,
    }
    return [click.option(name, type=click.IntRange(min=1), help=words[name] + usual[name]) for name in words]


def _max_length(task):
    """--max-length, with the task's usual value and what becomes of longer texts."""
    return click.option(
        "--max-length",
        type=click.IntRange(min=3),
        help=f"Largest number of tokens in a row. {task.words.longer}  [default: the checkpoint's, else "
        f"{task.usual_length}, or the model's limit if that is less]",
    )


def _metric(task):
    """--metric, one of the task's figures."""
    usual = f"{task.headline}, or loss for a model without it" if task.headline else "the first that --dev allows"
    return click.option(
        "--metric",
        type=click.Choice(["loss", *task.metrics(None)]),
        help=f"Figure on --dev that decides which epoch and which learning rate is the best.  [default: {usual}]",
    )


def _with_columns(task) -> str:
    """An example that names the columns of a file, for a task whose examples have several fields; else empty."""
    fields = task.to_train().fields
    if len(fields) < 2:
        return ""
    first, second = (f'--{each.option}-column "{each.columns[-1]}"' for each in fields[:2])
    return f"""\
      kerasbert finetune {task.name} --checkpoint minilm/ --train train.tsv {first} \\
          {second} --label-column {task.truths[-1]} --out model/
"""


def _finetune(name: str, train: Path, folder: Path, given: dict, settings: list[str]) -> None:
    from kerasbert.examples.readers import read_examples
    from kerasbert.runs.begun import is_begun

    columns = options.taken_columns(given)
    # Common mistakes are reported before TensorFlow loads, which takes seconds.
    options.check_dev(given)
    if given["batch_size"] is not None and given["batch_tokens"] is not None:
        raise click.UsageError("--batch-size and --batch-tokens: give one of them")
    is_begun(folder, given["resume"])
    if given["lora"] is not None:
        _check_lora(given["lora"], opened(given["checkpoint"]))
    examples, given["dev"] = (
        path and read_examples(path, task_named(name), columns=columns) for path in (train, given["dev"])
    )
    checkpoint = opened(given["checkpoint"])
    chosen = {each: given.pop(each) for each in settings}
    if given.get("class_weight") is not None and examples:
        _check_class_weight(task_named(name), examples, checkpoint, chosen)
    options.load_tensorflow()
    from kerasbert.cli.table import shown
    from kerasbert.runs.finetune import FinetuneOptions, carry_out, job_of

    with options.wrong_call():
        job = job_of(task_named(name), examples, folder, FinetuneOptions(**given, settings=chosen))
    figures = carry_out(job)
    _print_report(folder)
    click.echo(f"{folder}: saved; " + ", ".join(f"{name} {shown(value)}" for name, value in figures.items()))


def _check_lora(rank: int, checkpoint) -> None:
    """Raises click.UsageError for a rank above the encoder's hidden size."""
    hidden_size = checkpoint.config.hidden_size
    if rank > hidden_size:
        raise click.UsageError(
            f"--lora {rank} is above the hidden size of the encoder; use 1 to {hidden_size}, such as 8"
        )


def _check_class_weight(task, examples, checkpoint, chosen: dict) -> None:
    """Raises click.UsageError for --class-weight where an example can have several labels, or has a number."""
    from kerasbert.errors import ConfigError
    from kerasbert.runs.task_settings import check_class_weight, task_settings

    settings = task.Settings(**task_settings(task, examples, chosen, checkpoint))
    try:
        check_class_weight(task, settings)
    except ConfigError:
        raise click.UsageError("--class-weight weighs labels of which each text has one; leave it out") from None


def _print_report(folder: Path) -> None:
    """The learning rates that were tried, and the figures by class, as the run's report has them."""
    from kerasbert.cli.table import print_figures

    path = folder / "report.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, head in (("learning rates", "learning rate"), ("classes", "class")):
        if name in report:
            print_figures(report[name], head)
            click.echo()


for _name in NAMES:
    if task_named(_name).words.teaches:
        finetune.add_command(_command(_name))
