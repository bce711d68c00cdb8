"""An output of a model as a function of the word vectors of a row."""

import numpy as np

from kerasbert.explanations.integral import Term
from kerasbert.explanations.targets import Part
from kerasbert.layers.gather import gather
from kerasbert.layers.gradients import values_and_gradients
from kerasbert.layers.intermediates import name_of, replaced
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.task import Row

BATCH_TOKENS = 1024
"""Largest number of tokens in a batch of points on the path. A backward pass keeps the activations of all of them."""


def term_of(model, row: Row, part: Part) -> Term:
    """The term for one number of a model's outputs.

    Position and segment embeddings stay as they are. The baseline is the vector of [PAD] in place of every token of
    the texts; special tokens such as [CLS] and [SEP] keep their own vectors.

    Args:
        model: a `TextModel`.
        row: the row that the number belongs to.
        part: the number.
    """
    embeddings = model.encoder.embeddings
    ids = np.array(row.inputs["input_ids"], "int32")
    padded = np.where(of_texts(row), np.int32(model.config.pad_token_id), ids)
    vectors, baseline = (np.asarray(gather(embeddings.word_table, each), "float32") for each in (ids, padded))
    inputs = pad_rows([row], model.graphs()[0])
    words = name_of(embeddings, "words")

    def values(points):
        batch = {name: np.repeat(x, len(points), axis=0) for name, x in inputs.items()}
        with replaced({words: points}):
            outputs = model.export_outputs(batch)
        return outputs[part.output][(slice(None), *part.place)]

    def function(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = max(1, BATCH_TOKENS // len(row))
        found = [values_and_gradients(values, points[i : i + size]) for i in range(0, len(points), size)]
        return tuple(np.concatenate([np.asarray(each[i], "float32") for each in found]) for i in (0, 1))

    return Term(function=function, share=part.share, vectors=vectors, baseline=baseline)


def of_texts(row: Row) -> np.ndarray:
    """Which tokens of a row belong to its texts, bool (tokens,): all but the special ones that the tokenizer adds."""
    return np.array([sequence is not None for sequence in row.encoding.sequence_ids])
