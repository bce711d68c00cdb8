"""kerasbert distill --ladder: every rung from the teacher to a table of words."""

from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Task, needed_settings

TEXTS = {"train", "unlabelled"}
"""The options with texts to learn from."""


def make_ladder(teacher, folder: Path, given: dict, strange: tuple[str, ...]) -> None:
    """Makes a ladder and prints its report.

    Args:
        teacher: the teacher's checkpoint.
        given: the options that the user gave, by name.
        strange: the options that mean nothing to a teacher with a task.
    """
    from kerasbert.checkpoints.tasks import answerable_task
    from kerasbert.runs.begun import is_begun
    from kerasbert.tasks import NAMES

    task = task_named(answerable_task(teacher, NAMES))
    _check_given(teacher, task, given, strange)
    given["columns"] = options.taken_columns(given)
    given["unlabelled"] = next(iter(given.get("unlabelled", ())), None)
    _check_files(task, given)
    is_begun(folder, given.get("resume", False))
    options.load_tensorflow()
    from kerasbert.runs import ladder_run
    from kerasbert.runs.ladder_options import LadderOptions

    train = given.pop("train", None)
    with options.wrong_call():
        making = ladder_run.Making.of(teacher, train, folder, LadderOptions(**given))
    _show(folder, ladder_run.make_ladder(making, options.progress))


def _check_given(teacher, task: Task, given: dict, strange: tuple[str, ...]) -> None:
    """Raises click.UsageError: options that mean nothing to a ladder, or a teacher that has none."""
    from kerasbert.models.students import static_size
    from kerasbert.runs.ladder import NO_LOSS, OF_STUDENT, plan_of

    for names, meaning in (
        (("student", *OF_STUDENT), "--ladder, whose rungs have their own"),
        (strange, f"a teacher that is {teacher.task}"),
    ):
        wrong = next((name for name in given if name in names), None)
        if wrong:
            raise click.UsageError(f"{options.flag(wrong)} means nothing to {meaning}; leave it out")
    if given.get("metric") == "loss":
        raise click.UsageError(f"--metric loss: {NO_LOSS}")
    check_texts(given)
    if "train" in given and "dev" not in given:
        raise click.UsageError("--ladder measures its rungs on held-out examples: give --dev")
    check_metric(given, task, teacher)
    check_augment(given, task)
    options.check_dev(given)
    with options.wrong_call():
        plan = plan_of(teacher, task)
        if "size" in given and "static" in plan.left_out:
            raise click.UsageError(f"--size: {plan.left_out['static']}, so there is no static rung; leave it out")
        if "static" not in plan.left_out:
            static_size(teacher, given.get("size"), task)


def check_texts(given: dict) -> None:
    """Raises click.UsageError: a teacher with a task has no texts to teach, or several files of unlabelled ones."""
    if not TEXTS & given.keys():
        raise click.UsageError("there are no texts to learn from: give --train, --unlabelled or both")
    if len(given.get("unlabelled", ())) > 1:
        raise click.UsageError("--unlabelled is given twice; a teacher with a task takes one file")


def check_metric(given: dict, task: Task, teacher) -> None:
    """Raises click.UsageError: the teacher's answers have no such figure."""
    from kerasbert.runs.task_settings import task_settings

    if "metric" not in given:
        return
    stored = task_settings(task, None, {}, teacher)
    settings = task.Settings(**stored) if needed_settings(task.Settings) <= stored.keys() else None
    known = ["loss", *task.metrics(settings)]
    if given["metric"] not in known:
        raise click.UsageError(f"--metric {given['metric']}: this teacher for {task.name} has {', '.join(known)}")


def check_augment(given: dict, task: Task) -> None:
    """Raises click.UsageError: the task's examples are not single texts, so no further ones can be made."""
    from kerasbert.runs.made_texts import TASKS

    if "augment" in given and task.name not in TASKS:
        raise click.UsageError(f"--augment means nothing to a teacher that is {task.name}; leave it out")


def _check_files(task: Task, given: dict) -> None:
    """Raises DataError: a file cannot be read. The ladder reads them again."""
    from kerasbert.examples.readers import columns_of_texts, read_examples, read_unlabelled

    for name in ("train", "dev"):
        if given.get(name):
            read_examples(given[name], task, columns=given["columns"])
    if given["unlabelled"]:
        read_unlabelled(given["unlabelled"], task, columns=columns_of_texts(task, given["columns"]))


def _show(folder: Path, report: dict) -> None:
    from kerasbert.cli.table import print_figures

    columns = (report["figure"], "MB", "ms", "of the teacher's ms")
    for name, rows in (("rung", report["rungs"]), ("tried", report["tried"])):
        if rows:
            print_figures({each: {column: row[column] for column in columns} for each, row in rows.items()}, name)
            click.echo()
    if report["steps"]:
        print_figures(
            {name: {each: row[each] for each in columns[:3]} for name, row in report["steps"].items()}, "step"
        )
        click.echo()
    for name, why in report["failed"].items():
        click.echo(f"{name} could not be made: {why}")
    click.echo(f"{folder}: every file is checked; report.md tells what each is made of")
