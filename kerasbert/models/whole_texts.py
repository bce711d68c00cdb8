"""Keras's `predict` and `evaluate` on texts, which may be longer than the model: then on the averages of windows."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np

from kerasbert.tasks.batches import Lesson, pad_lessons
from kerasbert.tasks.columns import is_dataset
from kerasbert.tasks.task import Example
from kerasbert.tasks.windows import averaged_by_example

ROUND_TO = 8
"""Lengths of batches are multiples of this, so that a compiler has to handle only a few shapes."""


def predicted(model, predict: Callable, x, *, batch_size: int, steps: int | None, callbacks, verbose):
    """Computes what `predict` returns for texts.

    Args:
        model: a `TextModel`. predict: Keras's `predict` of it.
        x, batch_size, steps, callbacks, verbose: those of `predict`; `x` has texts.
    """
    from kerasbert.tf.datasets import make_dataset

    tokenizer, examples = model._own_tokenizer(), _examples(model, x, batch_size, steps)
    steps = None if model.task.averages else steps
    made = [model.task.rows(tokenizer, each, model.settings) for each in examples]
    rows = [row for mine in made for row in mine]
    if not rows:
        return keras.tree.map_structure(_no_rows, model.output)
    # Rows of similar length share a batch, unless Keras may stop before the last one.
    lengths = np.array([len(row) for row in rows])
    order = np.arange(len(rows)) if steps or callbacks else np.argsort(lengths, kind="stable")
    data = make_dataset(
        [[Lesson(rows[index], {}, {})] for index in order],
        graph=model.training_graph(),
        batch_size=batch_size,
        max_length=model.max_length,
        round_to=one_length(model, int(lengths.max())),
    )
    outputs = predict(data, verbose=verbose, steps=steps, callbacks=callbacks)
    if not (steps or callbacks):
        outputs = keras.tree.map_structure(lambda x: x[np.argsort(order)], outputs)
    if model.task.averages and len(rows) > len(made):
        outputs = keras.tree.map_structure(lambda x: averaged_by_example(made, x), outputs)
    return outputs


def _examples(model, x, batch_size: int, steps: int | None) -> list[Example]:
    """The examples to predict. For a task that averages windows, `steps` are batches of texts: Keras would count
    rows."""
    if is_dataset(x):
        from kerasbert.tf.datasets import elements_of, in_batches

        elements = elements_of(in_batches(x, batch_size), steps)
        return [each for texts, *_ in elements for each in model._examples(texts, labelled=False)]
    examples = model._examples(x, labelled=False)
    return examples[: steps * batch_size] if model.task.averages and steps else examples


def one_length(model, longest: int) -> int:
    """What lengths of batches are rounded up to, so that Keras can join outputs per token."""
    return longest if model.training_graph().by_token else ROUND_TO


def _no_rows(output) -> np.ndarray:
    return np.zeros([0, *(size or 0 for size in output.shape[1:])], "float32")


def judged(model, examples: Sequence[Example], **options) -> dict | None:
    """Computes what Keras's `evaluate` returns as a dict, with one answer per text.

    Args:
        model: a compiled `TextModel` whose task averages the outputs of windows.
        examples: labelled examples.
        options: those of `predict`, such as `batch_size`.

    Returns:
        Loss and metrics by name; None if Keras can evaluate the rows itself: no text has several windows, or a right
        answer is missing.
    """
    examples = [dataclasses.replace(each) for each in examples]  # none of them is there twice, as the same object
    if any(each.truth is None for each in examples):
        return None
    lessons = [lesson for group in model.lessons_of(examples) for lesson in group]
    if len(lessons) == len(examples):
        return None
    windows: dict[int, list[Lesson]] = {}
    for lesson in lessons:
        windows.setdefault(id(lesson.row.example), []).append(lesson)
    _, targets, weights = pad_lessons([[_whole(each)] for each in windows.values()], model.training_graph())
    (name,) = targets
    outputs = model.predict(examples, **options)
    asked = {"x": None, "y": targets[name], "y_pred": outputs, "sample_weight": weights[name]}
    model.reset_metrics()
    model._loss_tracker.update_state(model.compute_loss(**asked, training=False))
    return {metric: float(value) for metric, value in model.compute_metrics(**asked).items()}


def _whole(windows: Sequence[Lesson]) -> Lesson:
    """One lesson with the weight of all windows of a text."""
    weights = {name: np.float32(sum(each.weights[name] for each in windows)) for name in windows[0].weights}
    return dataclasses.replace(windows[0], weights=weights)
