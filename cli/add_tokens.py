"""kerasbert add-tokens."""

from pathlib import Path

import click

from kerasbert.cli import options, resized


@click.command()
@click.argument("model")
@click.argument("tokens", nargs=-1)
@click.option("--input", "source", type=click.Path(path_type=Path), help="File with one token per line.")
@options.out
@click.option("--special", is_flag=True, help="The tokens are special: matched as written, left out of decoded texts.")
@options.as_json
def add_tokens(model, tokens, source, folder, special, as_json):
    """Write MODEL with further TOKENS in its vocabulary, for fine-tuning or further pre-training.

    The row of a new token is the mean of all others. A token is found in a text before words are split, as with
    transformers' add_tokens. Every head and every setting is kept.

    \b
    Example:
      kerasbert add-tokens model/ remdesivir favipiravir --out larger/
      kerasbert add-tokens model/ "[E1]" "[/E1]" --special --out marked/
      kerasbert add-tokens model/ --input words.txt --out larger/
    """
    from kerasbert.checkpoints import vocabulary
    from kerasbert.tokenizers.resizing import read_tokens

    if bool(tokens) == bool(source):
        raise click.UsageError("give tokens, or --input FILE, and not both")
    given = read_tokens(source) if source else tokens
    resized.show(folder, vocabulary.add_tokens(model, folder, given, special=special), as_json)
