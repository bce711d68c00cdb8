"""kerasbert vocab."""

import click

from kerasbert.cli import options


@click.command()
@click.argument("texts", nargs=-1, required=True)
@options.out
@click.option(
    "--size",
    default=30522,
    show_default=True,
    type=click.IntRange(min=6),
    help="Number of tokens, including the special ones.",
)
@click.option(
    "--kind",
    default="wordpiece",
    show_default=True,
    type=click.Choice(["wordpiece", "bpe"]),
    help="wordpiece is BERT's, bpe is RoBERTa's.",
)
@click.option("--cased", is_flag=True, help="Keep capitals and accents; for wordpiece.")
@click.option(
    "--min-frequency",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="How often two pieces must occur together to be joined.",
)
@options.corpus
def vocab(texts, folder, size, kind, cased, min_frequency, documents, errors):
    """Learn a vocabulary from TEXTS. TEXTS are files, folders or patterns, compressed or not.

    \b
    Example:
      kerasbert vocab books/ --size 8000 --out vocab/
      kerasbert vocab "wiki/*.jsonl.zst" --kind bpe --size 50265 --out vocab/
    """
    from kerasbert.cli.progress import counted
    from kerasbert.corpus.documents import find_files, guess_format, plan_slices, read_documents
    from kerasbert.files import check_target, new_folder
    from kerasbert.tokenizers.training import TRAINERS

    if cased and kind != "wordpiece":
        raise click.UsageError(f"--cased is for wordpiece; {kind} keeps capitals and accents anyway")
    check_target(folder)
    files = find_files(texts)
    form = guess_format(files) if documents == "auto" else documents
    slices = plan_slices(files, form)
    passes = 2 if kind == "wordpiece" else 1
    chosen = {"do_lower_case": not cased} if kind == "wordpiece" else {}
    size_of_text = sum(span.end - span.start for spans in slices for span in spans)
    with new_folder(folder) as building, counted(size_of_text, "reading", "MB", 1e6) as count:

        class Texts:
            def __iter__(self):
                for spans in slices:
                    yield from (document.text for document in read_documents(spans, form, errors))
                    count.update(sum(span.end - span.start for span in spans) // passes)

        tokenizer = TRAINERS[kind](Texts(), size, min_frequency=min_frequency, **chosen)
        tokenizer.save(building)
    click.echo(f"{folder}: {tokenizer.vocab_size} tokens")
