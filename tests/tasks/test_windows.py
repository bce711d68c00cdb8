"""Rows that overlap share the tokens of a text out among them."""

import pytest
from conftest import small_vocabulary

from kerasbert.tasks.task import Example
from kerasbert.tasks.windows import window_rows
from kerasbert.tokenizers import WordPieceTokenizer

TEXT = " ".join(f"the film number {number} was good" for number in range(20))
TOKENIZER = WordPieceTokenizer(small_vocabulary())


@pytest.mark.parametrize(("max_length", "stride"), [(16, 4), (16, 5), (16, 0), (16, 13), (8, 2), (5, 1), (3, 0)])
def test_every_token_is_kept_by_the_row_where_it_has_the_most_context(max_length, stride):
    example = Example({"text": TEXT})
    (whole,) = TOKENIZER.encode([TEXT])
    rows = window_rows(TOKENIZER, example, TEXT, max_length=max_length, stride=stride)
    assert [i for row in rows for i in row.inputs["input_ids"][row.kept]] == whole.ids[1:-1]
    # A token's context is the smaller number of tokens before and after it; the ends of the text are no limit.
    step, size = max_length - 2 - stride, len(whole) - 2

    def context(token: int, row: int) -> float:
        begin = row * step
        end = begin + len(rows[row]) - 2
        if not begin <= token < end:
            return -1
        return min(token - begin if row else size, end - 1 - token if row < len(rows) - 1 else size)

    token = 0
    for number, row in enumerate(rows):
        for _ in row.inputs["input_ids"][row.kept]:
            if stride <= step:  # else a token stands in three rows or more, and the middle one may not keep it
                assert context(token, number) == max(context(token, other) for other in range(len(rows)))
            token += 1
    assert all(row.example is example and len(row) <= max_length for row in rows)


def test_a_short_text_keeps_all_but_the_special_tokens():
    (row,) = window_rows(TOKENIZER, Example({}), "the film", max_length=8, stride=2)
    assert row.inputs["input_ids"][row.kept] == row.encoding.ids[1:-1]
    (row,) = window_rows(TOKENIZER, Example({}), "", max_length=8, stride=2)
    assert row.inputs["input_ids"][row.kept] == []
