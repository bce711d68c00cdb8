"""tf.data pipelines hold the same rows, in an order that the seed decides."""

import numpy as np
import pytest

from kerasbert.tasks.batches import Lesson, pad_rows, training_order
from kerasbert.tasks.task import Example, Graph, Input, Output, Row
from kerasbert.tf.datasets import make_dataset

COUNT, SIZE, LONGEST = 50, 8, 22
LENGTHS = np.random.default_rng(0).integers(3, 30, size=COUNT).clip(max=LONGEST)
GRAPH = Graph(
    "model", (Input("input_ids", pad=9), Input("attention_mask")), (Output("logits", "row", "choice", COUNT),)
)
ROWS = [
    Row(Example({}), {"input_ids": [number + 100] * length, "attention_mask": [1] * length})
    for number, length in enumerate(LENGTHS)
]
TARGETS = np.arange(COUNT, dtype="int32")


def dataset(targets=TARGETS, graph=GRAPH, **options):
    options = {"round_to": 8, **({} if "batch_tokens" in options else {"batch_size": SIZE}), **options}
    lessons = [[Lesson(row, {"logits": target}, {})] for row, target in zip(ROWS, targets, strict=True)]
    return make_dataset(lessons, graph=graph, max_length=LONGEST, **options)


def order(dataset) -> list:
    """The examples of an epoch, in the order of their batches."""
    return np.concatenate([targets for _, targets in dataset]).tolist()


@pytest.mark.parametrize("round_to", [1, 8])
def test_batches_are_the_padded_rows_and_their_targets(round_to):
    expected = training_order(LENGTHS, SIZE, seed=3, epoch=0)
    lengths = set()
    for chosen, (inputs, targets) in zip(expected, dataset(seed=3, round_to=round_to), strict=True):
        padded = pad_rows([ROWS[i] for i in chosen], GRAPH, round_to=round_to, longest=LONGEST)
        assert inputs.keys() == padded.keys()
        for name in padded:
            assert inputs[name].dtype == "int32"
            np.testing.assert_array_equal(inputs[name], padded[name])
        np.testing.assert_array_equal(targets, chosen)
        lengths.add(inputs["input_ids"].shape[1])
    assert round_to == 1 or lengths == {8, 16, LONGEST}


def test_the_length_is_known_as_keras_needs_it_for_the_steps():
    assert len(dataset()) == 7
    assert len(list(dataset())) == 7


@pytest.mark.parametrize("start", [0, 3, 7, 16])
def test_a_start_goes_on_in_the_middle_of_any_epoch_and_has_no_end(start):
    """7 batches are an epoch."""
    whole = dataset(seed=1)
    expected = [targets.numpy().tolist() for _ in range(4) for _, targets in whole]
    found = [targets.numpy().tolist() for _, targets in dataset(seed=1, start=start).take(10)]
    assert found == expected[start : start + 10]


def test_without_a_seed_the_order_is_the_files_each_time():
    data = dataset()
    assert order(data) == order(data) == list(range(COUNT))


def test_the_same_seed_gives_the_same_epochs_and_each_epoch_another_order():
    first, second = dataset(seed=1), dataset(seed=1)
    epochs = [order(first) for _ in range(3)]
    assert epochs == [order(second) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != order(dataset(seed=2))


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_targets_keep_their_shape_and_type(shape, dtype):
    targets = np.zeros((COUNT, *shape), dtype)
    _, given = next(iter(dataset(targets)))
    assert (given.dtype, given.shape) == (dtype, (SIZE, *shape))
    assert dataset(targets).element_spec[1].shape.as_list() == [None, *shape]


def test_answers_per_token_are_padded_and_weighted():
    graph = Graph("model", GRAPH.inputs, (Output("logits", "token", "choice", 5),))
    rows = ROWS[:3]
    lessons = [
        [Lesson(row, {"logits": np.arange(len(row), dtype="int32")}, {"logits": np.ones(len(row), "float32")})]
        for row in rows
    ]
    data = make_dataset(lessons, graph=graph, batch_size=2, max_length=LONGEST)
    assert [spec.shape.as_list() for spec in data.element_spec[1:]] == [[None, None], [None, None]]
    inputs, targets, weights = next(iter(data))
    for row, ids, answers, counts in zip(rows, inputs["input_ids"], targets, weights, strict=False):
        assert answers.shape == ids.shape
        np.testing.assert_array_equal(answers[: len(row)], np.arange(len(row)))
        np.testing.assert_array_equal(counts, [1.0] * len(row) + [0.0] * (len(ids) - len(row)))


def test_several_outputs_have_targets_by_name():
    outputs = (Output("start_logits", "row", "choice", 3), Output("end_logits", "row", "choice", 3))
    graph = Graph("model", GRAPH.inputs, outputs)
    lessons = [
        [Lesson(row, {"start_logits": np.int32(i), "end_logits": np.int32(i + 1)}, {})] for i, row in enumerate(ROWS)
    ]
    _, targets = next(iter(make_dataset(lessons, graph=graph, batch_size=4, max_length=LONGEST)))
    assert {name: values.numpy().tolist() for name, values in targets.items()} == {
        "start_logits": [0, 1, 2, 3],
        "end_logits": [1, 2, 3, 4],
    }


def test_the_rows_of_a_group_share_a_batch():
    lessons = [[Lesson(row, {"logits": np.int32(i)}, {}) for row in ROWS[2 * i : 2 * i + 2]] for i in range(10)]
    for _, targets in make_dataset(lessons, graph=GRAPH, batch_size=3, max_length=LONGEST, seed=1):
        pairs = targets.numpy().reshape(-1, 2)
        np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])


def test_what_is_drawn_depends_on_the_seed_and_on_the_epoch():
    """Without a seed, as in measuring, it stays."""

    def drawn(seed: int | None) -> list:
        lessons = [
            [
                Lesson(
                    row,
                    {"logits": np.int32(0)},
                    {},
                    lambda key, row=row: Lesson(row, {"logits": np.int32(key % 999)}, {}),
                )
            ]
            for row in ROWS[:4]
        ]
        data = make_dataset(lessons, graph=GRAPH, batch_size=4, max_length=LONGEST, seed=seed)
        return [targets.numpy().tolist() for _ in range(3) for _, targets in data]

    assert drawn(None) == [[0] * 4] * 3
    assert drawn(1) == drawn(1)
    assert len({tuple(targets) for seed in (0, 1) for targets in drawn(seed)}) == 6


def test_batches_by_tokens_have_the_same_number_in_each_epoch_and_can_go_on_in_the_middle():
    whole = dataset(seed=1, batch_tokens=100)
    sizes = [inputs["input_ids"].shape for inputs, _ in whole]
    assert all(rows * tokens <= 100 for rows, tokens in sizes)
    assert len(whole) == len(sizes) == len(list(whole))
    again = dataset(seed=1, batch_tokens=100)
    expected = [targets.numpy().tolist() for _ in range(2) for _, targets in again]
    found = dataset(seed=1, batch_tokens=100, start=3).take(len(sizes))
    assert [targets.numpy().tolist() for _, targets in found] == expected[3 : len(sizes) + 3]
