"""kerasbert embed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from kerasbert.cli import options
from kerasbert.runs.vectors import FORMATS, write_vectors

TASK = "sentence-embedding"


def _of_known_format(context, parameter, path: Path) -> Path:
    path = options.in_a_folder(context, parameter, path)
    if path.suffix.lower() not in FORMATS:
        raise click.BadParameter(f"{path}: name a file that ends with {' or '.join(FORMATS)}")
    return path


@click.command()
@click.argument("model")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File of texts: .csv, .tsv, .jsonl, or .txt with one text per line. - reads standard input.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    callback=_of_known_format,
    help="File to write, as a whole or not at all: .npy for an array of float32 (texts, width), .jsonl for one object "
    "with text and vector per line.",
)
@click.option("--text-column", help="Name of the column with the text.  [default: a usual name, such as 'text']")
@click.option("--prompt", help="Text that is put before each text.  [default: as MODEL was saved]")
@click.option("--prompt-name", help="Name of one of MODEL's prompts, such as 'query', in place of --prompt.")
@options.batch_size
def embed(model, data, out, text_column, prompt, prompt_name, batch_size):
    """Write the vectors of the texts of a file, of length 1 and in their order.

    MODEL is a sentence encoder: a saved model, a .keras file or a bundle. Of any other saved model, the vector is the
    mean of its encoder's vectors.

    \b
    Example:
      kerasbert embed model/ --data texts.txt --out vectors.npy
      kerasbert embed bundle/ --data reviews.csv --text-column review --out vectors.jsonl
    """
    from kerasbert.examples.readers import read_unlabelled
    from kerasbert.progress import counted
    from kerasbert.tasks.remarks import warn, with_cut_counted
    from kerasbert.tasks.sentence_embedding import prompted

    if prompt is not None and prompt_name is not None:
        raise click.UsageError("--prompt and --prompt-name: give one of them")
    options.keep_apart("--out", out, data)
    definition = options.task_of(model, TASK)
    alone = replace(definition, fields=definition.fields[:1])  # a column of second texts does not count
    examples = read_unlabelled(data, alone, columns={"text": text_column})
    opened = options.open_model(model, TASK)
    opened.settings = prompted(opened.settings, prompt, prompt_name)
    warn(alone, examples, opened.settings, labelled=False)
    (output,) = opened.graphs()[0].outputs

    with counted(len(examples), label="embedding") as count:

        def vectors() -> Iterator[tuple]:
            answered = opened.answered(examples, **options.batching(batch_size))
            for each in with_cut_counted(alone, examples, answered, opened.settings):
                yield each.example.fields["text"], each.outputs[output.name][0]
                count.update(1)

        write_vectors(out, vectors(), count=len(examples), width=output.width)
    click.echo(f"{out}: {len(examples)} vector{'s' * (len(examples) != 1)} of {output.width} numbers")
