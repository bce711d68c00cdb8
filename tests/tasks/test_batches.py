"""Rows of ids -> padded batches, and which rows share a batch."""

import itertools

import numpy as np
import pytest

from kerasbert.tasks.rows import ROUND_TO, WINDOW, batch_order, pad_rows, token_rows
from kerasbert.tokenizers import WordPieceTokenizer

LENGTHS = np.random.default_rng(0).integers(3, 120, size=1000)


def rows_of(*lengths):
    return {
        "input_ids": [list(range(1, length + 1)) for length in lengths],
        "token_type_ids": [[1] * length for length in lengths],
    }


def test_rows_are_filled_on_the_right_with_the_pad_id_or_zero():
    batch = pad_rows(rows_of(2, 3, 1), np.array([2, 1]), max_length=64, pad_id=9)
    assert {name: array.dtype for name, array in batch.items()} == {"input_ids": "int32", "token_type_ids": "int32"}
    np.testing.assert_array_equal(batch["input_ids"], [[1] + [9] * 7, [1, 2, 3] + [9] * 5])
    np.testing.assert_array_equal(batch["token_type_ids"], [[1] + [0] * 7, [1, 1, 1] + [0] * 5])


@pytest.mark.parametrize(("longest", "limit", "length"), [(1, 64, 8), (8, 64, 8), (9, 64, 16), (61, 62, 62), (3, 3, 3)])
def test_a_batch_is_as_long_as_its_longest_row_rounded_up_but_within_the_limit(longest, limit, length):
    assert ROUND_TO == 8
    assert pad_rows(rows_of(longest), [0], max_length=limit, pad_id=0)["input_ids"].shape == (1, length)


def test_token_rows_are_the_tokenizers_without_padding():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    rows = token_rows(tokenizer, ["a", "a b"], ["b", "b b b b"], max_length=8, names=["token_type_ids", "input_ids"])
    assert rows == {
        "input_ids": [[2, 5, 3, 6, 3], [2, 5, 6, 3, 6, 6, 6, 3]],
        "token_type_ids": [[0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]],
    }
    masks = token_rows(tokenizer, ["a", "a b"], None, max_length=8, names=["attention_mask"])
    assert masks == {"attention_mask": [[1, 1, 1], [1, 1, 1, 1]]}


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 32), (31, 32), (32, 32), (33, 32), (1000, 7)])
@pytest.mark.parametrize("seed", [None, 0, 5])
def test_an_epoch_holds_every_example_once_and_one_short_batch_at_most(count, size, seed):
    batches = batch_order(LENGTHS[:count], size, seed=seed)
    assert sorted(itertools.chain(*batches)) == list(range(count))
    assert len(batches) == -(-count // size)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)


def test_without_a_seed_examples_stay_as_they_stand():
    assert list(itertools.chain(*batch_order(LENGTHS, 7, seed=None, epoch=3))) == list(range(1000))


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    orders = {}
    for seed, epoch in itertools.product((0, 1), (0, 1)):
        np.random.seed(epoch)  # which must not matter
        first, second = ([batch.tolist() for batch in batch_order(LENGTHS, 8, seed=seed, epoch=epoch)] for _ in "ab")
        assert first == second
        orders[seed, epoch] = tuple(map(tuple, first))
    assert len(set(orders.values())) == 4


def test_texts_of_like_length_share_a_batch_within_a_window():
    lengths = np.random.default_rng(1).integers(3, 120, size=WINDOW * 8)
    batches = [lengths[batch] for batch in batch_order(lengths, 8, seed=0)]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.sort(lengths))
    spans = sorted((batch.min(), batch.max()) for batch in batches)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))  # one window: no two overlap


def test_batches_do_not_come_sorted_by_length():
    means = [LENGTHS[batch].mean() for batch in batch_order(LENGTHS, 8, seed=0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_sorting_by_length_halves_the_padding():
    def padding(batches):
        return sum(LENGTHS[batch].max() * len(batch) - LENGTHS[batch].sum() for batch in batches)

    assert padding(batch_order(LENGTHS, 16, seed=0)) < 0.5 * padding(batch_order(LENGTHS, 16, seed=None))
