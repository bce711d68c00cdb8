"""Makes overlapping rows of a text of any length, and shares its tokens out among them."""

from kerasbert.tasks.encoding import inputs_of
from kerasbert.tasks.task import Example, Row


def window_rows(tokenizer, example: Example, text: str, *, max_length: int, stride: int) -> list[Row]:
    """Makes the rows of a text. Each token is kept by the row where it has the most context on both sides.

    Args:
        example: the example that the rows belong to.
        max_length: largest number of tokens in a row, including special ones.
        stride: number of tokens that two neighbouring rows share.
    """
    windows = tokenizer.windows(text, max_length=max_length, stride=stride)
    rows = []
    for index, encoding in enumerate(windows):
        # Of the shared tokens, the first half has more context in the row before, the second half in the row after.
        begin = 1 + (stride - stride // 2 if index else 0)
        end = len(encoding) - 1 - (stride // 2 if index < len(windows) - 1 else 0)
        rows.append(Row(example, inputs_of(encoding, tokenizer.has_token_types), encoding, slice(begin, end)))
    return rows
