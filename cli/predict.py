"""kerasbert predict."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.words import as_text


def _utf8(context, parameter, value):
    """Refuses text that the terminal gave in another encoding. Python stores such bytes as surrogates."""
    for text in value if isinstance(value, tuple) else (value or "",):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise click.BadParameter(f"{text!r} is not UTF-8") from None
    return value


def _others(command):
    """One option per further field of a task, such as --pair: its value goes with each of TEXTS."""
    further = {each.option: each.name for name in NAMES for each in task_named(name).fields[1:]}
    for word, name in reversed(further.items()):
        said = f"The {word} that goes with each of TEXTS."
        command = click.option(f"--{word}", name, callback=_utf8, help=said)(command)
    return command


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1, callback=_utf8)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File of texts: .csv, .tsv, .jsonl, .conll, or .txt with one text per line. - reads standard input.",
)
@_others
@options.text_columns
def predict(model, texts, source, **given):
    """Answer TEXTS, or the texts of a file, with MODEL. Prints one JSON object per line.

    MODEL is a saved model or a bundle.

    \b
    Example:
      kerasbert predict bundle/ "a lovely film" "two lost hours"
      kerasbert predict model/ --input reviews.txt > answers.jsonl
    """
    from kerasbert.cli.progress import bar
    from kerasbert.examples.readers import read_unlabelled
    from kerasbert.tasks.remarks import count_cut, warn, warn_cut

    columns = options.taken_columns(given)
    others = {name: value for name, value in given.items() if value is not None}
    if bool(texts) == bool(source):
        raise click.UsageError("give texts, or --input FILE, and not both")
    if source and others:
        raise click.UsageError(
            f"--{_word(next(iter(others)))} goes with texts; with --input it is a column of the file"
        )
    if not source and any(columns.values()):
        raise click.UsageError("options that name columns go with --input")
    task = options.task_of(model)
    examples = read_unlabelled(source, task, columns=columns) if source else _examples(task, texts, others)
    opened, cut = options.open_model(model), 0
    warn(task, examples, opened.settings, labelled=False)
    numbers = {field.name for field in task.fields if field.kind == "number"}
    # On a terminal the answers themselves are the progress.
    with nullcontext() if sys.stdout.isatty() else bar(len(examples)) as progress:
        for each in opened.answered(examples):
            answer = task.decode(each.example, each.rows, each.outputs, opened.settings)
            cut += count_cut(each.rows)
            shown = answer if isinstance(answer, dict) else {"answers": answer}
            fields = each.example.fields.items()
            texts = {name: v if name in numbers else as_text(v) for name, v in fields}  # offsets refer to them
            click.echo(json.dumps({**texts, **shown}, ensure_ascii=False))
            if progress:
                progress.update(1)
    warn_cut(cut, len(examples), opened.settings)


def _examples(task, texts: tuple[str, ...], others: dict[str, str]) -> list:
    """One example per text, each with the same further fields.

    Raises:
        click.UsageError: a field that the task needs is missing, or a field is given that it does not take.
    """
    known = {each.name: each for each in task.fields}
    strange = [name for name in others if name not in known]
    if strange:
        raise click.UsageError(f"{task.name} takes no --{_word(strange[0])}")
    lists = [each.name for each in task.fields if not each.holds("") and (each.required or each.name in others)]
    if lists:
        wanted = known[lists[0]].wanted
        raise click.UsageError(f"{task.name} takes a {wanted} for {lists[0]}: give --input FILE, such as a .jsonl file")
    missing = [each.option for each in task.fields[1:] if each.required and each.name not in others]
    if missing:
        raise click.UsageError(f"{task.name} needs --{missing[0]}, the {missing[0]} that goes with each of TEXTS")
    return task.examples(list(texts), **{name: [value] * len(texts) for name, value in others.items()})


def _word(name: str) -> str:
    return next(each.option for task in NAMES for each in task_named(task).fields if each.name == name)
