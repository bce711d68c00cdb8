"""kerasbert prune-vocab."""

import click

from kerasbert.cli import options, resized


@click.command()
@click.argument("model")
@click.argument("texts", nargs=-1, required=True)
@options.out
@options.corpus
@options.as_json
def prune_vocab(model, texts, folder, documents, errors, as_json):
    """Write MODEL with only the tokens that TEXTS use: a smaller file with the same answers on these texts.

    TEXTS are files, folders or patterns: labelled files (.csv, .tsv, .jsonl, .conll, or .json as SQuAD has it), of
    which every column is read, or plain text, compressed or not. Give all texts whose words the model will meet.
    Special tokens and single characters are kept too, so other words are written in shorter pieces. The new tokenizer
    is compared with the old one on all TEXTS. Every head and every setting is kept.

    \b
    Example:
      kerasbert prune-vocab model/ train.csv dev.csv test.csv --out small/
      kerasbert prune-vocab model/ "wiki/*.jsonl.zst" --out small/
    """
    from kerasbert.checkpoints.vocabulary import prune_vocabulary
    from kerasbert.progress import counted
    from kerasbert.runs.texts import Texts

    corpus = Texts(texts, documents=documents, errors=errors)
    with counted(2 * corpus.size, "reading", "MB", 1e6) as count:
        corpus.told = count.update
        done = prune_vocabulary(model, folder, corpus)
    resized.show(folder, done, as_json)
