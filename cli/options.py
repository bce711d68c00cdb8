"""Options that several commands share, and what they open."""

from pathlib import Path

import click

from kerasbert.quiet import quiet
from kerasbert.runtime.manifest import NAME as MANIFEST
from kerasbert.runtime.manifest import Manifest


def _column(name, usual):
    return click.option(f"--{name}-column", help=f"Column of the {name} [default: looked for, such as {usual!r}].")


def text_columns(command):
    """--text-column and --pair-column."""
    return _column("text", "text")(_column("pair", "sentence2")(command))


def columns(command):
    """--text-column, --pair-column and --label-column."""
    return text_columns(_column("label", "label")(command))


def out(command):
    return click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder to make.")(
        command
    )


def checkpoint(command):
    return click.option(
        "--checkpoint",
        help="A Hugging Face folder or hub id, or a model saved here.  [default: the encoder in the package]",
    )(command)


def corpus(command):
    """--documents and --errors."""
    command = click.option(
        "--documents",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "blank-lines", "files", "jsonl"]),
        help="End at a blank line, with the file, or with a line of JSON; auto goes by the files' names.",
    )(command)
    return click.option(
        "--errors",
        default="strict",
        show_default=True,
        type=click.Choice(["strict", "replace"]),
        help="What bytes that are not UTF-8 are.",
    )(command)


def seed(command):
    return click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Of every random draw."
    )(command)


def as_json(command):
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(command)


def progress(step: str) -> None:
    """Says on stderr what is done next."""
    click.echo(f"{step} ...", err=True)


def load_tensorflow() -> None:
    """Imports TensorFlow without what it prints meanwhile; a command calls this before it imports what needs it."""
    with quiet():
        import tensorflow  # noqa: F401 - for its side effect


def open_model(path: str):
    """A saved model (through Keras) or a bundle (through the runtime): both answer `predict_text`, `predict_logits`."""
    folder = Path(path)
    if (folder / MANIFEST).is_file():
        from kerasbert.runtime import load

        if set(Manifest.read(folder).files) == {"saved_model"}:  # the one format that the runtime leaves to TensorFlow
            load_tensorflow()
            from kerasbert.export.gate.parity import open_any

            return open_any(folder, "saved_model")[0]
        return load(path)
    load_tensorflow()
    from kerasbert.models.opening import open_model as open_folder

    return open_folder(path)
