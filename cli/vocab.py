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
    from kerasbert.files import check_target, new_folder
    from kerasbert.progress import counted
    from kerasbert.runs.texts import Texts
    from kerasbert.tokenizers.training import TRAINERS

    if cased and kind != "wordpiece":
        raise click.UsageError(f"--cased is for wordpiece; {kind} keeps capitals and accents anyway")
    check_target(folder)
    corpus = Texts(texts, documents=documents, labelled=False, errors=errors)
    passes = 2 if kind == "wordpiece" else 1
    chosen = {"do_lower_case": not cased} if kind == "wordpiece" else {}
    with new_folder(folder) as building, counted(corpus.size, "reading", "MB", 1e6) as count:
        corpus.told = lambda size: count.update(size // passes)
        tokenizer = TRAINERS[kind](corpus, size, min_frequency=min_frequency, **chosen)
        tokenizer.save(building)
    click.echo(f"{folder}: {tokenizer.vocab_size} tokens")
