"""kerasbert predict."""

import json
from pathlib import Path

import click
from kerasbert.cli import options


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1)
@click.option(
    "--input", "source", type=click.Path(path_type=Path), help="Texts: .txt (one a line), .csv, .tsv or .jsonl."
)
@click.option("--pair", help="Second text, for models of pairs.")
def predict(model, texts, source, pair):
    """Answer TEXTS, or the texts of a file, with MODEL: a saved model or a bundle. Prints a JSON object a line.

    \b
    Example:
      kerasbert predict bundle/ "a lovely film" "two lost hours"
      kerasbert predict model/ --input reviews.txt > answers.jsonl
    """
    from kerasbert.data.readers import pairs_of, read_texts

    if bool(texts) == bool(source):
        raise click.UsageError("give texts, or --input FILE, and not both")
    if source:
        examples = read_texts(source)
        texts, pairs = [example.text for example in examples], pairs_of(examples)
    else:
        texts, pairs = list(texts), [pair] * len(texts) if pair is not None else None
    opened = options.open_model(model)
    for start in range(0, len(texts), 256):
        answers = opened.predict_text(texts[start : start + 256], pairs and pairs[start : start + 256])
        for text, answer in zip(texts[start:], answers, strict=False):
            click.echo(json.dumps({"text": text, **answer}, ensure_ascii=False))
