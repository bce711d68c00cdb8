"""Options that several commands share, and the models that commands open."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from kerasbert.cli.backend import check_backend
from kerasbert.cli.numbers import AnyNumber, Number
from kerasbert.cli.typed import typed
from kerasbert.errors import ConfigError
from kerasbert.quiet import quiet
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import NAME as MANIFEST
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.request import answering_with, is_answering
from kerasbert.tasks.task import Example, Task, needed_settings

KERAS_FILE = ".keras"
"""The ending of a model that Keras saved as one file."""
COLUMN = "_column"
"""The end of the names of columns among a command's parameters."""


def _fields() -> dict:
    """The fields of all tasks by the word for them, those of their labelled examples too."""
    tasks = [task_named(name) for name in NAMES]
    return {each.option: each for task in tasks for each in (*task.training_fields, *task.fields)}


def _column(word: str, usual: str, task: Task | None):
    files = "" if task is None else ", in --train and in --dev"
    return click.option(
        f"--{word}-column",
        help=f"Name of the column with the {word}{files}.  [default: a usual name, such as {usual!r}]",
    )


def text_columns(command, task: Task | None = None):
    """One option per field of a task that is fine-tuned, or of all tasks, such as --text-column and --pair-column."""
    fields = _fields() if task is None else {each.option: each for each in task.to_train().fields}
    for word, each in reversed(fields.items()):
        command = _column(word, each.columns[0], task)(command)
    return command


def columns(command, task: Task | None = None):
    """The options of `text_columns`, and --label-column if the task has right answers in its files."""
    truths = ("label",) if task is None else task.truths
    return text_columns(_column("label", truths[0], task)(command) if truths else command, task)


def taken_columns(given: dict) -> dict:
    """Takes the names of columns out of a command's parameters; returns them by their words."""
    names = [name for name in given if name.endswith(COLUMN)]
    return {name.removesuffix(COLUMN): given.pop(name) for name in names}


def task_of(path: str, task: str | None = None) -> Task:
    """The task of a saved model, a .keras file or a bundle. Only a .keras file loads TensorFlow.

    Args:
        path: the model.
        task: the task that the user names; None: the one that the model was saved for.

    Raises:
        click.UsageError: a bundle answers another task than the one that is named.
    """
    if (Path(path) / MANIFEST).is_file():
        found = Manifest.read(path).definition
        if task not in (None, found.name):
            raise click.UsageError(f"--task {task}: {path} is a bundle, whose task is {found.name}; leave --task out")
        return found
    if path.endswith(KERAS_FILE):
        return open_model(path, task).task
    if task is not None:
        return task_named(task)
    from kerasbert.checkpoints.opening import open_checkpoint
    from kerasbert.checkpoints.tasks import answerable_task

    return task_named(answerable_task(open_checkpoint(path), NAMES))


def setting(each: dataclasses.Field, usual: str):
    """The option of a task's setting (`kerasbert.tasks.task.option`). It is None if the user does not give it.

    Args:
        each: the field of the task's settings.
        usual: what is taken if the user does not give it, for the help text.
    """
    name, known = each.name.replace("_", "-"), each.metadata
    flag = f"--{name}/--no-{name}" if each.type is bool else f"--{name}"
    kind = click.Choice(known["choices"]) if known["choices"] else _TYPES[each.type](known["least"], known["most"])
    return click.option(flag, each.name, default=None, type=kind, help=f"{known['help']}  [default: {usual}]")


class _Names(click.ParamType):
    """Words with commas between them. A space before a word belongs to it, as in the vocabularies of RoBERTa."""

    name = "text"

    def convert(self, value, parameter, context):
        return value if isinstance(value, tuple) else tuple(value.split(","))


_TYPES = {
    tuple[str, ...]: lambda least, most: _Names(),
    str: lambda least, most: str,
    bool: lambda least, most: bool,
    int: lambda least, most: click.IntRange(least, most),
    float: lambda least, most: AnyNumber() if least is most is None else Number(least, most),
}
"""Type of a setting -> the smallest and the largest number that are allowed -> the type of its option."""


def answering(command, *, measured: bool = False):
    """One option per setting of any task with which a model can answer otherwise than it was saved.

    Args:
        measured: only those that change figures. Else without those that are already options, as what of an answer to
            show (`kerasbert.tasks.choice.Choice`).
    """
    for each in reversed(_answering().values()):
        if each.metadata["measured"] if measured else each.name not in Choice.__dataclass_fields__:
            command = setting(each, "as MODEL was saved")(command)
    return command


def _answering() -> dict[str, dataclasses.Field]:
    every = (each for name in NAMES for each in dataclasses.fields(task_named(name).Settings))
    return {each.name: each for each in every if each.metadata.get("answering")}


def taken_settings(given: dict) -> dict:
    """Takes the settings to answer with out of a command's parameters; returns those that are given."""
    taken = {name: given.pop(name) for name in _answering() if name in given}
    return {name: value for name, value in taken.items() if value is not None}


def check_settings(given: dict, task: Task, path: str) -> None:
    """Raises click.UsageError if the task has no such setting, or the model's settings do not take a value."""
    for name in given:
        if not is_answering(task, name):
            raise click.UsageError(f"{task.name} has no {flag(name)}; leave it out")
    check_values(given, settings_of(path, task) if given else None)


def check_values(given: dict, settings) -> None:
    """Raises click.UsageError if a model's settings do not take the values, which count together.

    Args:
        settings: None: they are not known.
    """
    if settings is None:
        return
    try:
        answering_with(settings, given)
    except ConfigError as error:
        blamed = [name for name in given if name in str(error)] or given
        options = ", ".join(map(flag, blamed))
        raise click.UsageError(f"{options}: {error}") from None


def flag(name: str) -> str:
    """The option of a parameter, as it is typed: `top_k` -> `--top-k`."""
    return f"--{name.replace('_', '-')}"


@contextmanager
def wrong_call(error: type[Exception] = ConfigError) -> Iterator[None]:
    """Errors of a class, within the block, tell how this command was called, and name its options as they are typed."""
    try:
        yield
    except error as found:
        raise click.UsageError(typed(str(found))) from None


def check_dev(given: Mapping) -> None:
    """Raises click.UsageError: an option that measures, without a file to measure on.

    Args:
        given: the options by name; those that are None or missing are not given.
    """
    measuring = {
        "--keep best": given.get("keep") == "best",
        "--metric": given.get("metric") is not None,
        "--early-stopping": given.get("early_stopping") is not None,
        "more than one --learning-rate": len(given.get("learning_rate") or ()) > 1,
    }
    wanting = next((name for name, needed in measuring.items() if needed), None)
    if wanting is not None and given.get("dev") is None:
        raise click.UsageError(f"{wanting} needs held-out examples: give --dev")


def settings_of(path: str, task: Task):
    """The settings that a model answers a task with, where they are known before TensorFlow loads; else None."""
    if (Path(path) / MANIFEST).is_file():
        return Manifest.read(path).task_settings
    if path.endswith(KERAS_FILE):
        return open_model(path).settings
    from kerasbert.checkpoints.opening import open_checkpoint
    from kerasbert.checkpoints.tasks import stored_settings

    checkpoint = open_checkpoint(path)
    stored = {"max_length": checkpoint.config.max_length, **stored_settings(checkpoint, task)}
    return task.Settings(**stored) if needed_settings(task.Settings) <= stored.keys() else None


def out(command):
    return click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder to create.")(
        command
    )


def task(command):
    """--task, for a model that can answer several."""
    return click.option("--task", type=click.Choice(NAMES), help="What MODEL answers.  [default: as MODEL was saved]")(
        command
    )


def batch_size(command):
    return click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        help="Largest number of rows per call of the model.  [default: 32; by the number of tokens for a bundle]",
    )(command)


def batching(size: int | None) -> dict:
    """--batch-size as an argument of `answered`."""
    return {} if size is None else {"batch_size": size}


def new_file(option: str, what: str, **more):
    """An option for a file to write, whose folder must be there."""
    name = option.removeprefix("--").replace("-", "_")
    return click.option(option, name, type=click.Path(path_type=Path), callback=in_a_folder, help=what, **more)


def in_a_folder(context, parameter, path: Path | None) -> Path | None:
    """Checks a file to write: its folder must be there. A callback of click."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"{path.parent}: no such folder")
    if path is not None and path.is_dir():
        raise click.BadParameter(f"{path}: is a folder; name a file")
    return path


def keep_apart(option: str, written: Path | None, read: Path | None) -> None:
    """Refuses to write over the file that is read.

    Raises:
        click.UsageError: naming both.
    """
    if written and read and written.is_file() and read.is_file() and written.samefile(read):
        raise click.UsageError(f"{option} {written} would overwrite {read}, which is read; name another file")


def checkpoint(command):
    return click.option(
        "--checkpoint",
        help="Weights to start from: a Hugging Face folder or hub id, or a folder saved by kerasbert.  [default: the "
        "encoder in the package]",
    )(command)


def corpus(command):
    """--documents and --errors."""
    command = click.option(
        "--documents",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "blank-lines", "files", "jsonl"]),
        help="Where a document ends: at a blank line, at the end of the file, or at the end of a JSON line. auto "
        "chooses by the names of the files.",
    )(command)
    return click.option(
        "--errors",
        default="strict",
        show_default=True,
        type=click.Choice(["strict", "replace"]),
        help="What to do with bytes that are not UTF-8: stop with an error, or replace them.",
    )(command)


def seed(command):
    return click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Seed for every random draw."
    )(command)


STRATEGIES = ("auto", "one", "mirrored", "multi-worker", "tpu")  # a test compares it with the table, which needs Keras
ABOVE_0 = Number(min=0, min_open=True)


def run(command):
    """The options of a run that can be resumed and that several devices can share."""
    for decorate in reversed(
        (
            click.option("--resume", is_flag=True, help="Continue the run in --out, or start it if there is none."),
            click.option(
                "--save-minutes",
                default=10.0,
                show_default=True,
                type=ABOVE_0,
                help="Longest time between two checkpoints, in minutes.",
            ),
            click.option(
                "--strategy",
                default="auto",
                show_default=True,
                type=click.Choice(STRATEGIES),
                help="Devices that share the work.",
            ),
            click.option(
                "--accumulate",
                default=1,
                show_default=True,
                type=click.IntRange(min=1),
                help="Number of parts that a batch is computed in, one after the other.",
            ),
            click.option(
                "--precision",
                default="float32",
                show_default=True,
                type=click.Choice(["float32", "bf16", "fp16"]),
                help="Number format of matrix products.",
            ),
        )
    ):
        command = decorate(command)
    return command


def weight_decay(command, **options):
    """--weight-decay."""
    return click.option(
        "--weight-decay",
        type=Number(min=0),
        help="Weight decay of matrices. A step removes the learning rate times this share.",
        **options,
    )(command)


def as_json(command):
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(command)


def progress(step: str) -> None:
    """Names the next step on stderr."""
    click.echo(f"{step} ...", err=True)


def load_tensorflow() -> None:
    """Imports TensorFlow and hides what it prints. A command calls this before it imports modules that need it.

    Raises:
        KerasBertError: Keras is set to a backend that is not installed, or that kerasbert does not run on.
    """
    check_backend()
    with quiet():
        import kerasbert.tf.kernels  # noqa: F401 - imports TensorFlow


def _warm(pipeline):
    """Answers an example, so that a line that LiteRT prints in each process goes nowhere."""
    usual = pipeline.task.golden[0].fields
    required = {each.name: usual[each.name] for each in pipeline.task.fields if each.required}
    with quiet():
        list(pipeline.answers([Example(required)]))
    return pipeline


def open_model(path: str, task: str | None = None):
    """A saved model (through Keras) or a bundle (through the runtime): both have `settings` and `answered`."""
    folder = Path(path)
    if (folder / MANIFEST).is_file():
        from kerasbert.runtime import load

        files = Manifest.read(folder).files
        if files and all(not KINDS[file.kind].engine for file in files.values()):  # the runtime leaves it to TensorFlow
            load_tensorflow()
            from kerasbert.export.gate.opening import open_any

            return open_any(folder, next(iter(files))).pipeline
        return _warm(load(path))
    load_tensorflow()
    from kerasbert.models.opening import open_model as open_folder

    if not path.endswith(KERAS_FILE):
        return open_folder(path, task=task)
    opened = click.get_current_context().meta  # a command asks such a file for its task first, and checks --task then
    if path not in opened:
        opened[path] = open_folder(path, task=task)
    return opened[path]
