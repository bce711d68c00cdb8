"""Windows in TensorFlow's graph are those of the host."""

import random

import numpy as np
import pytest
import tensorflow as tf
from conftest import small_vocabulary

from kerasbert.tasks import task_named
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.windows import averaged_by_example
from kerasbert.tf.windows import averaged, windows
from kerasbert.tf.wordpiece import InGraphWordPiece
from kerasbert.tokenizers import WordPieceTokenizer

TASK = task_named("text-classification")
TOKENIZER = WordPieceTokenizer(small_vocabulary())


@pytest.fixture(scope="module")
def in_graph():
    return InGraphWordPiece(TOKENIZER)


def texts(sizes, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(["the", "film", "was", "good", "kind"], k=size)) for size in sizes]


FIRST = [0, 3, 50, *range(1, 21), 100]
SECOND = [0, 60, 2, *range(20, 0, -1), 100]


@pytest.mark.parametrize("pairs", [False, True], ids=["texts", "pairs"])
@pytest.mark.parametrize("max_length", [3, 4, 5, 8, 16, 17, 64])
def test_rows_and_averages_are_those_of_the_host(in_graph, max_length, pairs):
    settings = TASK.Settings(labels=("a", "b"), max_length=max_length)
    columns = [texts(FIRST, 0), *([texts(SECOND, 1)] if pairs else [])]
    made = [TASK.rows(TOKENIZER, each, settings) for each in TASK.examples(*columns)]
    wanted = pad_rows([row for rows in made for row in rows], TASK.graphs(settings)[0])
    found, example = windows(in_graph, *map(tf.constant, columns), max_length=max_length)
    assert example.numpy().tolist() == [place for place, rows in enumerate(made) for _ in rows]
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    values = np.random.default_rng(0).normal(size=(len(example), 2)).astype("float32")
    means = averaged(tf.constant(values), found["attention_mask"], example).numpy()
    np.testing.assert_allclose(means, averaged_by_example(made, values), atol=1e-6)
    alone = [place for place, rows in enumerate(made) if len(rows) == 1]
    np.testing.assert_array_equal(means[alone], [values[np.flatnonzero(example == place)[0]] for place in alone])


def test_no_texts_have_no_rows(in_graph):
    found, example = windows(in_graph, tf.zeros((0,), tf.string), max_length=8)
    assert (found["input_ids"].shape[0], example.shape) == (0, (0,))
