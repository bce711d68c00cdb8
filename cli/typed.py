"""Messages about arguments of the library, told with the options of a command."""

import re

import click

SEVERAL_WORDS = re.compile(r"(?<![\w./'-])[a-z]+(?:_[a-z]+)+(?![\w./'-])")
"""What is a name wherever it stands, but for paths and quoted values."""
ONE_WORD = re.compile(
    r"(?:^|(?<=: )|(?<= and ))[a-z]+(?= (?:is|means) )|(?<=leave )[a-z]+(?= out)|(?<=give )[a-z]+(?= instead|$)"
)
"""What may also be a word of the sentence: it is a name where its value is said, or what to do with it."""


def typed(message: str) -> str:
    """A message with the options of the command that runs: "batch_size is 8" -> "--batch-size is 8"."""
    known = {each.name: each.opts[-1] for each in click.get_current_context().command.params}
    for names in (SEVERAL_WORDS, ONE_WORD):
        message = names.sub(lambda found: known.get(found[0], found[0]), message)
    return message
