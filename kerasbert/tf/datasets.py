"""Makes tf.data pipelines of rows, and of batches of texts that are tokenised as they are read."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np
import tensorflow as tf

from kerasbert.errors import DataError
from kerasbert.tasks.batches import Lesson, order_by_tokens, pad_lessons, tokens_of, training_order
from kerasbert.tasks.draws import key_of
from kerasbert.tasks.task import Graph


def make_dataset(
    groups: Sequence[Sequence[Lesson]],
    *,
    graph: Graph,
    max_length: int,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    round_to: int = 1,
    seed: int | None = None,
    start: int | None = None,
    apart: Callable[[Sequence[Lesson]], Collection] | None = None,
) -> tf.data.Dataset:
    """Makes a dataset of padded batches for training. The same seed gives the same order.

    Args:
        groups: rows with their answers; the rows of a group share a batch.
        graph: names the inputs and outputs.
        max_length: largest length of a batch, in tokens.
        batch_size, batch_tokens: groups per batch, or tokens per batch with padding
            (`kerasbert.tasks.batches.order_by_tokens`). One of the two must be given.
        round_to: the length of a batch is rounded up to a multiple of this, but not beyond `max_length`.
        seed: groups are shuffled anew in each epoch, and lessons that are drawn are drawn anew; both depend on it. None
            keeps their order, and each pass is the same.
        start: None: a pass over the dataset is an epoch, and each pass is the next one. A number: the dataset has no
            end, and begins at this batch, counted over all epochs.
        apart: a group -> what it should share with no other group of its batch
            (`kerasbert.tasks.batches.training_order`).

    Returns:
        A dataset of (inputs, targets), or (inputs, targets, weights) if the lessons have weights: int32 (batch, length)
        by input name, and (batch, ...). Targets and weights are dicts by output name if the graph has several outputs.
        Lessons without targets give a dataset of (inputs,). If the rows of a group have one loss, they have an axis of
        their own, see `kerasbert.tasks.batches.pad_lessons`.
    """
    if batch_tokens is None:
        lengths = np.array([max(len(lesson.row) for lesson in group) for group in groups])
        shared = list(map(apart, groups)) if apart else []
        order_of = partial(training_order, lengths, batch_size, apart=shared if any(shared) else None)
    else:
        order_of = partial(order_by_tokens, tokens_of(groups, graph, round_to), batch_tokens)
    passes = count()

    steps = len(order_of(seed=seed))

    def batch_of(chosen, key: int = 0) -> list[dict]:
        lessons = [[each.drawn(key) for each in groups[i]] for i in chosen]
        return _parts(lessons, graph, round_to=round_to, longest=max_length)

    def epoch(number: int, first: int = 0) -> Iterator:
        key = 0 if seed is None else key_of(seed, number)
        for chosen in order_of(seed=seed, epoch=number)[first:]:
            yield _bare(batch_of(chosen, key), graph)

    def endless() -> Iterator:
        done, first = divmod(start, steps)
        yield from epoch(done, first)
        for number in count(done + 1):
            yield from epoch(number)

    batches = (lambda: epoch(next(passes))) if start is None else endless
    length = steps if start is None else tf.data.INFINITE_CARDINALITY
    dataset = tf.data.Dataset.from_generator(batches, output_signature=_specifications(batch_of([0]), graph))
    return dataset.apply(tf.data.experimental.assert_cardinality(length)).prefetch(2)


def map_texts(
    dataset: tf.data.Dataset, groups: Callable[..., Sequence[Sequence[Lesson]]], *, graph: Graph, **padding
) -> tf.data.Dataset:
    """Tokenises a dataset of batches of texts as it is read. Its first batch is read at once, to learn the shapes.

    Args:
        dataset: its elements have texts, and perhaps right answers and weights, on axis 0 of their tensors.
        groups: x, y and the weights of an element (`elements_of`) -> the lessons of its texts, in groups.
        graph: names the inputs and outputs.
        padding: `round_to` and `longest` of `kerasbert.tasks.batches.pad_rows`.

    Returns:
        A dataset of batches as `make_dataset` makes them, one per element.

    Raises:
        DataError: there are no elements.
    """

    def batch_of(tensors: Sequence) -> list[dict]:
        return _parts(groups(*_element(dataset, tensors)), graph, **padding)

    first = next(iter(dataset.take(1)), None)
    if first is None:
        raise DataError("the data set holds no texts")
    specifications = _specifications(batch_of(tf.nest.flatten(first)), graph)
    flat = tf.nest.flatten(specifications)

    def tokenise(*element):
        values = tf.py_function(
            lambda *tensors: tf.nest.flatten(_bare(batch_of(tensors), graph)),
            tf.nest.flatten(element),
            [each.dtype for each in flat],
        )
        for value, each in zip(values, flat, strict=True):
            value.set_shape(each.shape)
        return tf.nest.pack_sequence_as(specifications, values)

    return dataset.map(tokenise, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def in_batches(dataset: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """The dataset itself if its elements are batches, else a dataset of batches."""
    return (
        dataset if all(len(each.shape) for each in tf.nest.flatten(dataset.element_spec)) else dataset.batch(batch_size)
    )


def elements_of(dataset: tf.data.Dataset, most: int | None = None) -> Iterator[tuple]:
    """x, y and the weights of the first `most` elements, or of all, with lists in place of tensors and None for what is
    missing."""
    for element in dataset if most is None else dataset.take(most):
        yield _element(dataset, tf.nest.flatten(element))


def _element(dataset: tf.data.Dataset, tensors: Sequence) -> tuple:
    element = tf.nest.pack_sequence_as(dataset.element_spec, [_plain(tensor) for tensor in tensors])
    return (*(element if isinstance(element, tuple) else (element,)), None, None)[:3]


def _parts(groups: Sequence[Sequence[Lesson]], graph: Graph, **padding) -> list[dict]:
    """A batch as dicts: inputs, then targets and weights if there are any."""
    inputs, *answers = pad_lessons(groups, graph, **padding)
    return [inputs, *(each for each in answers if each)]


def _bare(batch: list[dict], graph: Graph) -> tuple:
    """Keras wants no dict of the answers if there is one output."""
    inputs, *answers = batch
    return (inputs, *(answers if len(graph.outputs) > 1 else (next(iter(each.values())) for each in answers)))


def _specifications(batch: list[dict], graph: Graph) -> tuple:
    """The shapes of any batch, made from one. They are open in the rows and, for values per token, in the tokens."""
    axes = {each.name: each.axis for each in (*graph.inputs, *graph.outputs)}

    def specification(name: str, values: np.ndarray) -> tf.TensorSpec:
        free = {"row": 1, "number": 1, "example": 2}.get(axes[name], 3 if graph.by_example else 2)
        fixed = values.shape[free:]
        return tf.TensorSpec([None] * (values.ndim - len(fixed)) + list(fixed), values.dtype)

    return _bare([{name: specification(name, x) for name, x in part.items()} for part in batch], graph)


def _plain(tensor) -> list | str | float:
    """A tensor, ragged or not, as a list. Its strings stay bytes."""
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()
