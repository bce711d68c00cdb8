"""Rows that overlap share the tokens of a text out among them, or their outputs are averaged."""

import itertools

import numpy as np
import pytest
from conftest import small_vocabulary

from kerasbert.tasks import task_named
from kerasbert.tasks.ask import ask, joined, outputs_of
from kerasbert.tasks.encoding import inputs_of
from kerasbert.tasks.remarks import count_cut
from kerasbert.tasks.task import Example
from kerasbert.tasks.windows import averaged, averaged_by_example, shares, window_rows
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


# Text classification: every window answers, and the mean of their logits counts.

TASK = task_named("text-classification")
SETTINGS = TASK.Settings(labels=("a", "b"), max_length=16)
FILM, STAFF = "the film was good", "the staff were kind"  # 4 tokens each


def rows_of(*texts, **settings):
    (example,) = TASK.examples(*([text] for text in texts))
    return TASK.rows(TOKENIZER, example, TASK.Settings(labels=("a", "b"), **{"max_length": 16, **settings}))


def own(row, sequence=0) -> list[int]:
    """The ids of one of a row's texts."""
    return [i for i, part in zip(row.inputs["input_ids"], row.encoding.sequence_ids, strict=True) if part == sequence]


def from_windows(windows: list[list[int]], stride: int) -> list[int]:
    """The text that windows are of, which share a number of tokens."""
    for before, after in itertools.pairwise(windows):
        assert before[-stride:] == after[:stride]
    return windows[0] + [i for each in windows[1:] for i in each[stride:]]


def test_a_text_that_fits_is_the_row_that_it_was():
    for texts in [("",), (FILM,), (FILM * 3,), (FILM, STAFF), ("", ""), (FILM, "")]:
        (row,) = rows_of(*texts)
        (encoding,) = TOKENIZER.encode(*([text] for text in texts), max_length=16)
        assert row.inputs == inputs_of(encoding, True)
    assert shares([row]).tolist() == [1.0]


@pytest.mark.parametrize(("max_length", "stride"), [(16, 4), (18, 4), (8, 2), (5, 1), (4, 1)])
def test_windows_of_a_text_share_a_quarter_of_the_length(max_length, stride):
    rows = rows_of(TEXT, max_length=max_length)
    (whole,) = TOKENIZER.encode([TEXT])
    assert {len(row) for row in rows[:-1]} == {max_length}
    assert from_windows([own(row) for row in rows], stride) == whole.ids[1:-1]
    assert count_cut(rows) == 0


@pytest.mark.parametrize("longer", [0, 1], ids=["first", "second"])
def test_the_longer_text_of_a_pair_is_in_windows_and_the_other_in_each_of_them(longer):
    texts = [FILM, FILM]
    texts[longer] = TEXT
    rows = rows_of(*texts)
    (film,), (whole,) = TOKENIZER.encode([FILM]), TOKENIZER.encode([TEXT])
    assert {tuple(own(row, 1 - longer)) for row in rows} == {tuple(film.ids[1:-1])}
    # 16 tokens, less 3 special ones and 4 of the film, leave 9, of which neighbours share 4.
    assert from_windows([own(row, longer) for row in rows], 4) == whole.ids[1:-1]


def test_a_pair_that_leaves_less_than_a_quarter_to_the_longer_text_is_cut_and_counted():
    shortest, longest = (rows_of(f"{FILM} {STAFF} good", TEXT), rows_of(f"{FILM} {STAFF} good film", TEXT))
    assert len(own(shortest[0])), len(own(shortest[0], 1)) == (9, 4)
    assert from_windows([own(row, 1) for row in shortest], 2)  # at most half of the 4 tokens
    assert count_cut(shortest) == 0
    (row,) = longest
    (encoding,) = TOKENIZER.encode([f"{FILM} {STAFF} good film"], [TEXT], max_length=16)
    assert row.inputs["input_ids"] == encoding.ids
    assert count_cut(longest) == 1
    (row,) = rows_of("", TEXT, max_length=3)  # no room for a single token
    assert count_cut([row]) == 1


def logits(batch):
    """A model without weights, whose answers depend on all tokens of a row."""
    ids, mask = batch["input_ids"].astype("float64"), batch["attention_mask"]
    return {"logits": np.stack([np.sin(ids * mask).sum(1), np.cos(ids).sum(1, where=mask > 0)], 1).astype("float32")}


def test_logits_are_averaged_by_the_numbers_of_tokens():
    """Each window by hand, in a batch of its own."""
    (whole,) = TOKENIZER.encode([TEXT])
    ids, found = whole.ids[1:-1], []
    for start in range(0, len(ids) - 4, 10):
        row = np.int32([[whole.ids[0], *ids[start : start + 14], whole.ids[-1]]])
        found.append((row.size, logits({"input_ids": row, "attention_mask": np.ones_like(row)})["logits"][0]))
    wanted = sum(size * each.astype("float64") for size, each in found) / sum(size for size, _ in found)
    assert len({size for size, _ in found}) == 2  # the last window is shorter
    examples, options = TASK.examples(["good", TEXT, FILM]), {"graphs": TASK.graphs(SETTINGS)}
    for asked in (examples, examples[1:2]):
        answered = list(outputs_of(TASK, TOKENIZER, {"model": logits}, asked, SETTINGS, **options))
        together = joined(TASK, options["graphs"], answered)["logits"]
        assert together.shape == (len(asked), 2)
        np.testing.assert_allclose(together[asked.index(examples[1])], wanted, rtol=1e-6)
    answer = list(ask(TASK, TOKENIZER, {"model": logits}, examples, SETTINGS, **options))[1]
    scores = np.exp(wanted) / np.exp(wanted).sum()
    assert answer == {"label": "ab"[wanted.argmax()], "score": pytest.approx(scores.max(), rel=1e-6)}


def test_averages_of_several_examples_are_those_of_each():
    made = [rows_of(text) for text in (TEXT, "good", TEXT[:200])]
    values = np.random.default_rng(0).normal(size=(sum(map(len, made)), 3)).astype("float32")
    found = averaged_by_example(made, values)
    assert (found.dtype, found.shape) == ("float32", (3, 3))
    np.testing.assert_array_equal(found[0], averaged(made[0], values[: len(made[0])]))
    np.testing.assert_array_equal(found[1], values[len(made[0])])
