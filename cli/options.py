"""Options that several commands share, and what they open."""

from pathlib import Path

import click

from kerasbert.runtime.manifest import NAME as MANIFEST


def columns(command):
    """--text-column, --pair-column and --label-column."""
    for name, usual in (("label", "label"), ("pair", "sentence2"), ("text", "text")):
        command = click.option(
            f"--{name}-column", help=f"Column of the {name} [default: looked for, such as {usual!r}]."
        )(command)
    return command


def out(command):
    return click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder to make.")(
        command
    )


def seed(command):
    return click.option("--seed", default=0, show_default=True, help="Of every random draw.")(command)


def as_json(command):
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(command)


def open_model(path: str):
    """A saved model (through Keras) or a bundle (through the runtime): both answer `predict_text` and `predict_logits`."""
    if (Path(path) / MANIFEST).is_file():
        from kerasbert.runtime import load

        return load(path)
    from kerasbert.models.text_classifier import TextClassifier

    return TextClassifier.from_pretrained(path)
