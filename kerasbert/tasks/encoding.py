"""Makes one row per example: its text or its pair of texts, cut to the model's length."""

from kerasbert.errors import ConfigError
from kerasbert.tasks import headers
from kerasbert.tasks.fields import Field
from kerasbert.tasks.task import Example, Row

TEXT_FIELDS = (
    Field("text", headers.TEXT, option="text"),
    Field("text_pair", headers.PAIR, option="pair", required=False),
)


SHORTEST = 3
"""Smallest number of tokens that a text can be cut to: [CLS], one token and [SEP]."""


def check_length(max_length: int) -> None:
    """Raises ConfigError if a text cannot be cut to that number of tokens."""
    if max_length < SHORTEST:
        raise ConfigError(f"max_length is {max_length}: use {SHORTEST} or more")


def prompt_of(settings) -> str:
    """The text that the settings put before an example's first text; empty for a task without prompts."""
    return getattr(settings, "prompt", "")


def text_rows(tokenizer, example: Example, settings) -> list[Row]:
    """Makes the single row of a text or a pair. The longer text of a pair is cut first."""
    text, pair = example.fields["text"], example.fields.get("text_pair")
    (encoding,) = tokenizer.encode([text], None if pair is None else [pair], max_length=settings.max_length)
    return [Row(example, inputs_of(encoding, tokenizer.has_token_types), encoding)]


def inputs_of(encoding, token_types: bool) -> dict[str, list[int]]:
    """Converts an encoding to the inputs of an encoder, not padded."""
    ids = encoding.ids  # made anew at each access
    inputs = {"input_ids": ids, "attention_mask": [1] * len(ids)}
    return {**inputs, "token_type_ids": encoding.type_ids} if token_types else inputs
