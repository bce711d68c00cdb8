"""The functions behind a SavedModel's signatures for texts: tokens, the model, and the averages of windows."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kerasbert.export.formats.inputs import specifications
from kerasbert.tasks.numbers import numbers_of
from kerasbert.tf.windows import averaged, windows
from kerasbert.tf.wordpiece import InGraphWordPiece

TOLD = ("offsets", "words", "truncated")
"""What signatures for texts tell of the tokens, if the task has an output per token."""


def function_of_texts(model, tokenizer: InGraphWordPiece, names: Sequence[str], scored: Callable) -> Callable:
    """Makes the function of a signature for texts.

    Args:
        model: the Keras model. tokenizer: its tokenizer in the graph.
        names: the fields that the function takes, texts before numbers.
        scored: outputs by name -> the same, with scores.
    """
    graph = model.graphs()[0]
    numbers = {each.name: specifications(graph)[each.name] for each in numbers_of([graph])}
    placed = bool(graph.by_token)

    def cut(texts: dict, read: Sequence) -> dict:
        encoded = tokenizer(*read, max_length=model.max_length, offsets=placed)
        told = {name: encoded[name] for name in TOLD if placed}
        given = {name: (texts if name in numbers else encoded)[name] for name in model.input}
        return scored(model.export_outputs(given)) | told

    def in_windows(texts: dict, read: Sequence) -> dict:
        rows, example = windows(tokenizer, *read, max_length=model.max_length)
        given = rows | {name: tf.gather(texts[name], example) for name in numbers}
        outputs = model.export_outputs({name: given[name] for name in model.input})
        return scored({name: averaged(x, rows["attention_mask"], example) for name, x in outputs.items()})

    def answer(texts: dict) -> dict:
        read = [texts[name] for name in names if name not in numbers]
        return (in_windows if model.task.averages else cut)(texts, read)

    taken = {name: numbers.get(name, tf.TensorSpec((None,), tf.string, name=name)) for name in names}
    return tf.function(answer, autograph=False, input_signature=[taken])
