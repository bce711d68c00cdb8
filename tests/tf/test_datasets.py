"""tf.data pipelines hold the same rows, in an order that the seed decides."""

import numpy as np
import pytest

from kerasbert.tasks.batches import pad_rows, training_order
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


def dataset(targets=TARGETS, **options):
    options = {"round_to": 8, **options}
    return make_dataset(ROWS, targets, graph=GRAPH, batch_size=SIZE, max_length=LONGEST, **options)


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
