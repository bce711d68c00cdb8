"""kerasbert predict."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from os.path import isfile
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.cli.numbers import Number
from kerasbert.cli.texts import examples_of, further_fields, option_of, utf8
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.request import Request, is_answering
from kerasbert.tasks.words import as_text


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1, callback=utf8)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File of texts: .csv, .tsv, .jsonl, .conll, .json as SQuAD has it, or one text per line in .txt, or in a "
    "file named by its language, such as test.en. - reads standard input.",
)
@options.new_file("--out", "File to write the answers to, as a whole or not at all.  [default: standard output]")
@options.task
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    help="Number of labels or answers to show, those with the highest scores; for a question at most 20. For a text "
    "that is drawn with --do-sample: the number of likeliest tokens among which one is drawn.",
)
@click.option("--all-scores", is_flag=True, default=None, help="Show every label with its score, the highest first.")
@click.option(
    "--threshold",
    type=Number(0, 1),
    help="Smallest score of a label, where a text can have several, or of an entity.  [default: 0.5 for labels, none "
    "for entities]",
)
@options.answering
@options.batch_size
@further_fields
@options.text_columns
def predict(model, texts, source, out, task, batch_size, **given):
    """Answer TEXTS, or the texts of a file, with MODEL. Prints one JSON object per line.

    MODEL is a saved model, a .keras file or a bundle. Blank lines of a .txt file are answered as empty texts, so that
    line and answer keep the same number. For fill-mask they are an error, like any text without a mask.

    \b
    Example:
      kerasbert predict bundle/ "a lovely film" "two lost hours"
      kerasbert predict model/ --input reviews.txt --out answers.jsonl
      kerasbert predict model/ "a lovely film" --top-k 3
      kerasbert predict answerer/ "Who left?" --context "Ann Lee left." --max-answer-length 5
      kerasbert predict chooser/ "She opened the door" --choice "and went in." --choice "and was the sea."
    """
    from kerasbert.examples.readers import read_unlabelled
    from kerasbert.progress import counted
    from kerasbert.tasks.remarks import count_cut, warn, warn_cut

    columns = options.taken_columns(given)
    choice = {name: given.pop(name) for name in Choice.__dataclass_fields__}
    changed = options.taken_settings(given)
    others = {name: value for name, value in given.items() if value not in (None, ())}
    _check_call(texts, source, others, columns, choice)
    options.keep_apart("--out", out, source)
    for text in filter(isfile, texts):
        click.echo(f"{text}: is answered as a text, though there is such a file; --input {text} reads it", err=True)
    definition = options.task_of(model, task)
    own = [name for name, value in choice.items() if value is not None and is_answering(definition, name)]
    changed |= {name: choice.pop(name) for name in own}
    options.check_settings(changed, definition, model)
    chosen = _chosen(model, definition, choice)
    examples = (
        read_unlabelled(source, definition, columns=columns) if source else examples_of(definition, texts, others)
    )
    opened, cut = options.open_model(model, task), 0
    settings = opened.settings = replace(opened.settings, **changed)
    request = Request(task=definition, settings=settings, choice=chosen)
    warn(definition, examples, settings, labelled=False)
    data = {field.name for field in definition.fields if field.kind in ("number", "texts")}
    # On a terminal the answers themselves are the progress.
    progress = nullcontext() if out is None and sys.stdout.isatty() else counted(len(examples))
    with _lines(out) as write, progress as count:
        for each in opened.answered(examples, **options.batching(batch_size)):
            write(_line(request.answer(each), each.example, data))
            cut += count_cut(each.rows)
            if count:
                count.update(1)
    warn_cut(definition, examples, cut, settings)
    if out:
        click.echo(f"{out}: {len(examples)} answer{'s' * (len(examples) != 1)}")


def _check_call(texts: tuple, source: Path | None, others: dict, columns: dict, choice: dict) -> None:
    """Refuses options that do not go together.

    Raises:
        click.UsageError: naming them.
    """
    if bool(texts) == bool(source):
        raise click.UsageError("give texts, or --input FILE, and not both")
    if source and others:
        raise click.UsageError(
            f"--{option_of(next(iter(others)))} goes with texts; with --input it is a column of the file"
        )
    if not source and any(columns.values()):
        raise click.UsageError("options that name columns go with --input")
    limits = [name for name in ("top_k", "threshold") if choice[name] is not None]
    if choice["all_scores"] and limits:
        raise click.UsageError(f"--all-scores shows every label; leave {options.flag(limits[0])} out")


def _chosen(model: str, task, given: dict) -> Choice | None:
    """What of an answer the user chose to see; None for the usual answer.

    Raises:
        click.UsageError: an option means nothing to the model; it is named, with those that do.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if not chosen:
        return None
    settings = options.settings_of(model, task)
    known = chosen if settings is None else task.choices(settings)  # a model without settings is refused when opened
    strange = [name for name in chosen if name not in known]
    if strange:
        others = f"; {', '.join(map(options.flag, known))} would" if known else ""
        raise click.UsageError(f"{options.flag(strange[0])} means nothing to {model}, for {task.name}{others}")
    options.check_values({name: value for name, value in chosen.items() if hasattr(settings, name)}, settings)
    return Choice(**chosen)


@contextmanager
def _lines(path: Path | None) -> Iterator:
    """A function that writes one line: to a file that appears when all lines are written, or to standard output."""
    if path is None:
        yield click.echo
        return
    from kerasbert.files import new_file

    with new_file(path, alone=True) as building, open(building, "w", encoding="utf-8", newline="\n") as stream:
        yield lambda line: print(line, file=stream)


def _line(answer, example, data: set[str]) -> str:
    """An example with its answer, as JSON. Args: data: the fields that are written as they are, and not as one text."""
    shown = answer if isinstance(answer, dict) else {"answers": answer}
    # The texts are as the offsets in answers refer to them.
    texts = {name: value if name in data else as_text(value) for name, value in example.fields.items()}
    return json.dumps({**texts, **shown}, ensure_ascii=False)
