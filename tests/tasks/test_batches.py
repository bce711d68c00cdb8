"""Rows -> padded batches, and which rows share a batch."""

import itertools

import numpy as np
import pytest

from kerasbert.tasks.batches import (
    WINDOW,
    Lesson,
    by_length,
    order_by_tokens,
    pad_rows,
    together,
    tokens_of,
    training_order,
)
from kerasbert.tasks.task import Example, Graph, Input, Output, Row

LENGTHS = np.random.default_rng(0).integers(3, 120, size=1000)
OUTPUTS = (Output("logits", "row", "choice", 2),)
GRAPH = Graph("model", (Input("input_ids", pad=9), Input("token_type_ids")), OUTPUTS)


def rows_of(*lengths, **more):
    """A row per length: ids that count up, segments of ones; `more`: further inputs, a value per row."""
    rows = []
    for index, length in enumerate(lengths):
        inputs = {"input_ids": list(range(1, length + 1)), "token_type_ids": [1] * length}
        further = {name: values[index] for name, values in more.items()}
        rows.append(Row(Example({"text": f"text {index}"}), {**inputs, **further}))
    return rows


def test_rows_are_filled_on_the_right_with_the_pad_of_each_input():
    batch = pad_rows(rows_of(3, 1), GRAPH)
    assert {name: array.dtype for name, array in batch.items()} == {"input_ids": "int32", "token_type_ids": "int32"}
    np.testing.assert_array_equal(batch["input_ids"], [[1, 2, 3], [1, 9, 9]])
    np.testing.assert_array_equal(batch["token_type_ids"], [[1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize(("longest", "limit", "length"), [(1, 64, 8), (8, 64, 8), (9, 64, 16), (61, 62, 62), (3, 3, 3)])
def test_a_batch_is_as_long_as_its_longest_row_rounded_up_but_within_the_limit(longest, limit, length):
    batch = pad_rows(rows_of(longest, 1), GRAPH, round_to=8, longest=limit)
    assert {array.shape for array in batch.values()} == {(2, length)}
    assert pad_rows(rows_of(longest), GRAPH, round_to=8)["input_ids"].shape == (1, -(-longest // 8) * 8)
    assert pad_rows(rows_of(longest), GRAPH)["input_ids"].shape == (1, longest)


def test_a_row_is_never_cut_not_even_to_the_limit():
    """Cutting is the tokenizer's work, which knows where a text may end."""
    assert pad_rows(rows_of(7), GRAPH, longest=5)["input_ids"].tolist() == [[1, 2, 3, 4, 5, 6, 7]]


def test_inputs_that_share_an_axis_share_its_length():
    positions, ids = Input("mlm_positions", "mlm_positions"), Input("mlm_ids", "mlm_positions", pad=7)
    graph = Graph("model", (*GRAPH.inputs, positions, ids), OUTPUTS)
    batch = pad_rows(rows_of(5, 2, mlm_positions=[[1], [1, 2]], mlm_ids=[[11], [12, 13]]), graph)
    assert {name: array.shape for name, array in batch.items()} == {
        "input_ids": (2, 5),
        "token_type_ids": (2, 5),
        "mlm_positions": (2, 2),
        "mlm_ids": (2, 2),
    }
    np.testing.assert_array_equal(batch["mlm_ids"], [[11, 7], [12, 13]])
    rounded = pad_rows(rows_of(5, 2, mlm_positions=[[1], [1, 2]], mlm_ids=[[11], [12, 13]]), graph, round_to=4)
    assert (rounded["input_ids"].shape, rounded["mlm_positions"].shape) == ((2, 8), (2, 4))


def test_an_input_with_one_number_per_row_is_not_padded():
    graph = Graph("model", (Input("input_ids"), Input("language", "row")), OUTPUTS)
    batch = pad_rows(rows_of(5, 2, language=[3, 1]), graph)
    assert (batch["language"].dtype, batch["language"].tolist()) == ("int32", [3, 1])


def test_an_input_of_texts_gets_the_texts_themselves():
    graph = Graph("model", (Input("text", "text"), Input("text_pair", "text")), OUTPUTS)
    batch = pad_rows(rows_of(5, 2), graph)
    assert list(batch) == ["text"]  # no example has a second text
    assert (batch["text"].dtype, batch["text"].tolist()) == (object, ["text 0", "text 1"])


def test_inputs_that_no_row_has_are_left_out():
    graph = Graph("model", (*GRAPH.inputs, Input("attention_mask"), Input("label", "row")), OUTPUTS)
    assert list(pad_rows(rows_of(5), graph)) == ["input_ids", "token_type_ids"]


# Batches to answer.


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
@pytest.mark.parametrize("tokens", [1, 100, 1000, 10**6])
@pytest.mark.parametrize("most", [None, 1, 7])
def test_every_row_is_in_one_batch_and_no_batch_exceeds_its_limits(count, tokens, most):
    batches = by_length(LENGTHS[:count], batch_tokens=tokens, batch_rows=most)
    assert sorted(itertools.chain(*batches)) == list(range(count))
    for batch in batches:
        assert len(batch) <= (most or count)
        assert len(batch) == 1 or len(batch) * LENGTHS[batch].max() <= tokens  # a longer row is alone


def test_rows_of_like_length_share_a_batch_and_the_shortest_come_first():
    batches = by_length(iter(LENGTHS), batch_tokens=1000)
    together = LENGTHS[np.concatenate(batches)]
    assert (np.diff(together) >= 0).all()
    assert by_length([4, 4, 4], batch_tokens=8)[0] == [0, 1]  # equal ones stay in their order


def test_a_batch_is_as_full_as_it_may_be():
    batches = by_length(LENGTHS, batch_tokens=1000, batch_rows=50)
    for batch, following in itertools.pairwise(batches):
        assert len(batch) == 50 or (len(batch) + 1) * LENGTHS[following[0]] > 1000


# Batches to learn from.


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 32), (31, 32), (32, 32), (33, 32), (1000, 7)])
@pytest.mark.parametrize("seed", [None, 0, 5])
def test_an_epoch_holds_every_example_once_and_one_short_batch_at_most(count, size, seed):
    batches = training_order(LENGTHS[:count], size, seed=seed)
    assert sorted(itertools.chain(*batches)) == list(range(count))
    assert len(batches) == -(-count // size)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)


def test_without_a_seed_examples_stay_as_they_stand():
    assert list(itertools.chain(*training_order(LENGTHS, 7, seed=None, epoch=3))) == list(range(1000))


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    orders = {}
    for seed, epoch in itertools.product((0, 1), (0, 1)):
        np.random.seed(epoch)  # which must not matter
        first, second = ([each.tolist() for each in training_order(LENGTHS, 8, seed=seed, epoch=epoch)] for _ in "ab")
        assert first == second
        orders[seed, epoch] = tuple(map(tuple, first))
    assert len(set(orders.values())) == 4


def test_texts_of_like_length_share_a_batch_within_a_window():
    lengths = np.random.default_rng(1).integers(3, 120, size=WINDOW * 8)
    batches = [lengths[batch] for batch in training_order(lengths, 8, seed=0)]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.sort(lengths))
    spans = sorted((batch.min(), batch.max()) for batch in batches)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))  # one window: no two overlap


def test_batches_do_not_come_sorted_by_length():
    means = [LENGTHS[batch].mean() for batch in training_order(LENGTHS, 8, seed=0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_sorting_by_length_halves_the_padding():
    def padding(batches):
        return sum(LENGTHS[batch].max() * len(batch) - LENGTHS[batch].sum() for batch in batches)

    assert padding(training_order(LENGTHS, 16, seed=0)) < 0.5 * padding(training_order(LENGTHS, 16, seed=None))


def repeated(count: int, kinds: int) -> list[set[int]]:
    """What rows share: some kinds are much more frequent than others."""
    return [{int(kind)} for kind in np.random.default_rng(2).exponential(kinds / 6, count).astype(int) % kinds]


@pytest.mark.parametrize(("count", "size"), [(1, 32), (33, 32), (1000, 16)])
def test_rows_that_share_something_are_kept_apart(count, size):
    apart = repeated(count, kinds=100)
    batches = training_order(LENGTHS[:count], size, seed=3, apart=apart)
    assert sorted(itertools.chain(*batches)) == list(range(count))
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)
    if count == 1000:
        assert repetitions(batches, apart) < repetitions(training_order(LENGTHS, size, seed=3), apart) / 5


def repetitions(batches, apart) -> int:
    """How many rows share something with one before them in their batch."""
    return sum(len(batch) - len(set().union(*(apart[row] for row in batch))) for batch in batches)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_what_is_frequent_has_its_share_of_every_batch(share):
    """Else it is put off, and the last batches hold nothing else."""
    frequent = np.random.default_rng(4).random(len(LENGTHS)) < share
    apart = [{-1} if each else {row} for row, each in enumerate(frequent)]
    parts = [frequent[batch].mean() for batch in training_order(LENGTHS, 20, seed=0, apart=apart)]
    assert max(parts) < share + 0.3


def test_rows_that_all_share_something_are_batches_too():
    batches = training_order(LENGTHS, 16, seed=0, apart=[{0}] * len(LENGTHS))
    assert sorted(itertools.chain(*batches)) == list(range(len(LENGTHS)))


def test_rows_kept_apart_are_still_of_like_length():
    def padding(batches):
        return sum(LENGTHS[batch].max() * len(batch) - LENGTHS[batch].sum() for batch in batches)

    kept_apart = training_order(LENGTHS, 16, seed=0, apart=repeated(len(LENGTHS), kinds=300))
    assert padding(kept_apart) < 0.8 * padding(training_order(LENGTHS, 16, seed=None))


def test_parts_of_one_length_are_an_array_and_others_a_list():
    one, other = np.zeros((2, 3, 5)), np.ones((1, 4, 5))
    assert together([one, one]).shape == (4, 3, 5)
    rows = together([one, other])
    assert [row.shape for row in rows] == [(3, 5), (3, 5), (4, 5)]


# Batches of about the same number of tokens.

PAIRS = np.random.default_rng(2).integers((3, 0), (30, 5), size=(1000, 2)) @ [[1, 1], [0, 1]]


def padded(batches, lengths=PAIRS):
    """The tokens of each batch, with padding."""
    return [len(batch) * int(lengths[batch].max(axis=0).sum()) for batch in batches]


@pytest.mark.parametrize("tokens", [1, 500, 4096, 10**6])
@pytest.mark.parametrize("seed", [None, 0, 5])
def test_batches_by_tokens_hold_every_row_once_and_no_more_tokens_than_allowed(tokens, seed):
    batches = order_by_tokens(PAIRS, tokens, seed=seed)
    assert sorted(itertools.chain(*batches)) == list(range(1000))
    assert all(size <= tokens or len(batch) == 1 for size, batch in zip(padded(batches), batches, strict=True))
    if seed is None:
        assert list(itertools.chain(*batches)) == list(range(1000))


def test_every_epoch_has_as_many_batches_by_tokens_in_an_order_of_its_own():
    epochs = [order_by_tokens(PAIRS, 2000, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    again = order_by_tokens(PAIRS, 2000, seed=0, epoch=0)
    assert [each.tolist() for each in again] == [each.tolist() for each in epochs[0]]
    assert len({len(batches) for batches in epochs}) == 1
    assert len({tuple(map(tuple, batches)) for batches in epochs}) == 4


def test_batches_by_tokens_are_full_and_hardly_padded():
    batches = order_by_tokens(PAIRS, 2000, seed=0)
    assert sum(padded(batches)) < 1.1 * PAIRS.sum() < 0.8 * sum(padded(order_by_tokens(PAIRS, 2000, seed=None)))
    assert np.mean(padded(batches)) > 0.9 * 2000
    means = [PAIRS[batch].mean() for batch in batches]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


@pytest.mark.parametrize("longer", [0, 1])
def test_batches_by_tokens_share_the_length_of_the_longer_side(longer):
    """As of summaries, whose sources are much longer."""
    lengths = np.random.default_rng(3).integers(3, (200, 20), size=(1000, 2))[:, [longer, 1 - longer]]
    batches = [lengths[batch, longer] for batch in order_by_tokens(lengths, 2000, seed=0)]
    spans = sorted((batch.min(), batch.max()) for batch in batches)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_tokens_are_counted_by_axis_as_in_a_padded_batch():
    graph = Graph("model", (Input("input_ids"), Input("seen", "seen"), Input("one", "row")), (Output("y", "row", "x"),))
    lessons = [[Lesson(row, {}, {})] for row in rows_of(5, 9, seen=[[1] * 3, [1] * 8])]
    assert tokens_of(lessons, graph).tolist() == [[5, 3], [9, 8]]
    assert tokens_of(lessons, graph, 4).tolist() == [[8, 4], [12, 8]]
    assert tokens_of([[lessons[0][0], lessons[1][0]]], graph).tolist() == [[18, 16]]
