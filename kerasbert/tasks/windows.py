"""Makes overlapping rows of a text of any length, and shares its tokens out among them or averages their outputs."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kerasbert.tasks.encoding import inputs_of
from kerasbert.tasks.task import Example, Row


def stride_of(max_length: int) -> int:
    """Number of tokens that two neighbouring windows of a text share: a quarter of the length, rounded down."""
    return max_length // 4


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


def text_windows(tokenizer, example: Example, settings) -> list[Row]:
    """Makes the rows of a text or a pair of any length, for a task that averages its rows' outputs.

    A text that fits is one row. Of a pair, the longer text (of equal ones the second) is read in windows, and the other
    one is whole in every row, if it leaves at least a quarter of `max_length` to the longer one. Else the pair is one
    row, and its longer text is cut first. Neighbouring windows share `stride_of(max_length)` tokens, but at most half
    of the tokens that the text has in a window.
    """
    text, pair = example.fields["text"], example.fields.get("text_pair")
    length, stride = settings.max_length, stride_of(settings.max_length)
    if pair is None:
        found = tokenizer.windows(text, max_length=length, stride=stride)
    else:
        found = tokenizer.encode([text], [pair])
        parts = Counter(found[0].sequence_ids)
        room = length - len(found[0]) + max(parts[0], parts[1])  # for the longer text, where the other one is whole
        if room < max(parts[0], parts[1]):
            if room < max(1, length // 4):
                found = tokenizer.encode([text], [pair], max_length=length)
            else:
                cut = "only_first" if parts[0] > parts[1] else "only_second"
                found = tokenizer.windows(text, pair, max_length=length, stride=min(stride, room // 2), cut=cut)
    return [Row(example, inputs_of(each, tokenizer.has_token_types), each) for each in found]


def shares(rows: Sequence[Row]) -> np.ndarray:
    """What each row of an example counts: its share of the rows' tokens, float64 (rows,). A single row counts 1."""
    tokens = np.array([len(row) for row in rows], float)
    return tokens / tokens.sum()


def averaged(rows: Sequence[Row], values: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of an output over the rows of an example, weighted by `shares`: float32, without the axis of rows. The
    values of a single row stay as they are."""
    if len(values) == 1:
        return np.asarray(values[0])
    return np.float32(shares(rows) @ np.asarray(values, float))


def averaged_by_example(made: Sequence[Sequence[Row]], values: np.ndarray) -> np.ndarray:
    """Averages an output over the rows of each example.

    Args:
        made: the rows of each example. values: (rows of all examples, ...), in their order.

    Returns:
        float32 (examples, ...).
    """
    ends = np.cumsum([len(rows) for rows in made])
    parts = np.split(values, ends[:-1])
    return np.stack([averaged(rows, part) for rows, part in zip(made, parts, strict=True)])
