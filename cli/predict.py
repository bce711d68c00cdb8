"""kerasbert predict."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from kerasbert.cli import options


def _utf8(context, parameter, value):
    """Refuses what the terminal gave in another encoding: Python hides such bytes in surrogates."""
    for text in value if isinstance(value, tuple) else (value or "",):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise click.BadParameter(f"{text!r} is not UTF-8") from None
    return value


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1, callback=_utf8)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Texts: .csv, .tsv, .jsonl, or .txt (one a line); - for standard input.",
)
@click.option("--pair", callback=_utf8, help="Second text of every text given, for models of pairs.")
@options.text_columns
def predict(model, texts, source, pair, **columns):
    """Answer TEXTS, or the texts of a file, with MODEL: a saved model or a bundle. Prints a JSON object a line.

    \b
    Example:
      kerasbert predict bundle/ "a lovely film" "two lost hours"
      kerasbert predict model/ --input reviews.txt > answers.jsonl
    """
    from kerasbert.cli.progress import CHUNK, bar
    from kerasbert.examples.readers import pairs_of, read_texts

    if bool(texts) == bool(source):
        raise click.UsageError("give texts, or --input FILE, and not both")
    if source and pair is not None:
        raise click.UsageError("--pair goes with texts; second texts of --input stand in a column of the file")
    if not source and any(columns.values()):
        raise click.UsageError("--text-column and --pair-column go with --input")
    if source:
        examples = read_texts(source, **columns)
        texts, pairs = [example.text for example in examples], pairs_of(examples)
    else:
        texts, pairs = list(texts), [pair] * len(texts) if pair is not None else None
    opened = options.open_model(model)
    # On a terminal the answers themselves are the progress.
    with nullcontext() if sys.stdout.isatty() else bar(len(texts)) as progress:
        for start in range(0, len(texts), CHUNK):
            chunk = slice(start, start + CHUNK)
            asked = zip(texts[chunk], pairs[chunk] if pairs else [None] * len(texts[chunk]), strict=True)
            answers = opened.predict_text(texts[chunk], pairs and pairs[chunk])
            for (text, second), answer in zip(asked, answers, strict=True):
                row = {"text": text, **({} if second is None else {"pair": second}), **answer}
                click.echo(json.dumps(row, ensure_ascii=False))
            if progress:
                progress.update(len(answers))
