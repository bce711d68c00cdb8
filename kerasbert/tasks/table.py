"""What a model's outputs are called, and how they become answers: one row a kind of problem.

Models, exported files, the parity gate and the runtime all read this table, so that a new task is a new row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding import labels as of_labels


@dataclass(frozen=True)
class Task:
    """A row of `TASKS`.

    Attributes:
        name: as config.json and kerasbert.json say it.
        outputs: names of the outputs that a model of the task can have, each float32 with the texts on axis 0.
        decode: outputs by name, and the labels -> one answer a text.
        by_token: those of `outputs` that have the tokens on axis 1. What they say of padding means nothing and is cut
            off: wherever texts go in, such an output comes as a list, an array (tokens, ...) a text.
    """

    name: str
    outputs: tuple[str, ...]
    decode: Callable[[Mapping[str, Sequence[np.ndarray]], Sequence[str]], list[dict]]
    by_token: tuple[str, ...] = ()


def _classifier(problem_type: str) -> Task:
    def decode(outputs, labels):
        return of_labels.decode(outputs["logits"], labels, problem_type)

    return Task("text_classifier", ("logits",), decode)


def _embeddings(outputs, labels) -> list[dict]:
    return [{"embedding": [float(value) for value in row]} for row in outputs["embedding"]]


def _vectors(outputs, labels) -> list[dict]:
    """The vectors of a text's tokens, [CLS] and [SEP] among them, and of the text where the model has a pooler."""
    texts = zip(*outputs.values(), strict=True)
    return [{name: array.tolist() for name, array in zip(outputs, text, strict=True)} for text in texts]


EMBEDDING, FEATURES = "embedding", "feature_extraction"
TASKS = {
    **{problem_type: _classifier(problem_type) for problem_type in of_labels.PROBLEM_TYPES},
    EMBEDDING: Task("sentence_encoder", ("embedding",), _embeddings),
    FEATURES: Task("encoder", ("sequence_output", "pooled_output"), _vectors, by_token=("sequence_output",)),
}
"""Problem type -> `Task`."""
