"""Texts on the command line, with the options for what goes with each of them, such as --pair."""

from collections.abc import Iterable

import click

from kerasbert.tasks import NAMES, task_named


def utf8(context, parameter, value):
    """Refuses text that the terminal gave in another encoding. Python stores such bytes as surrogates."""
    for text in value if isinstance(value, tuple) else (value or "",):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise click.BadParameter(f"{text!r} is not UTF-8") from None
    return value


def further_fields(command, tasks: Iterable[str] = NAMES, of: str = "each of TEXTS"):
    """One option per further field of some tasks, such as --pair: its value goes with each text of the call."""
    further = {each.option: each for name in tasks for each in task_named(name).fields[1:]}
    for word, each in reversed(further.items()):
        several = each.kind == "texts"
        said = f"The {word} that goes with {of}.{' Repeatable.' if several else ''}"
        command = click.option(f"--{word}", each.name, callback=utf8, multiple=several, help=said)(command)
    return command


def examples_of(task, texts: tuple[str, ...], others: dict[str, str]) -> list:
    """One example per text, each with the same further fields.

    Raises:
        click.UsageError: a field that the task needs is missing, or a field is given that it does not take.
    """
    known = {each.name: each for each in task.fields}
    strange = [name for name in others if name not in known]
    if strange:
        raise click.UsageError(f"{task.name} takes no --{option_of(strange[0])}")
    lists = [
        each.name
        for each in task.fields
        if not each.holds("") and each.kind != "texts" and (each.required or each.name in others)
    ]
    if lists:
        wanted = known[lists[0]].wanted
        raise click.UsageError(f"{task.name} takes a {wanted} for {lists[0]}: give --input FILE, such as a .jsonl file")
    for each in (each for each in task.fields if each.kind == "texts" and each.name in others):
        if len(others[each.name]) < 2 or not all(map(str.strip, others[each.name])):
            raise click.UsageError(f"give --{each.option} twice or more, each with some text")
    missing = [each.option for each in task.fields[1:] if each.required and each.name not in others]
    if missing:
        raise click.UsageError(f"{task.name} needs --{missing[0]}, the {missing[0]} that goes with each of TEXTS")
    return task.examples(list(texts), **{name: [value] * len(texts) for name, value in others.items()})


def option_of(name: str) -> str:
    """The option of a field, without its dashes."""
    return next(each.option for task in NAMES for each in task_named(task).fields if each.name == name)
