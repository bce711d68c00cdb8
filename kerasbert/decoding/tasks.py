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
        outputs: names of the model's outputs, each float32 with the texts on axis 0, in the order that files give them.
        decode: outputs by name, and the labels -> one answer a text.
    """

    name: str
    outputs: tuple[str, ...]
    decode: Callable[[Mapping[str, np.ndarray], Sequence[str]], list[dict]]


def _classifier(problem_type: str) -> Task:
    def decode(outputs, labels):
        return of_labels.decode(outputs["logits"], labels, problem_type)

    return Task("text_classifier", ("logits",), decode)


def _embeddings(outputs, labels) -> list[dict]:
    return [{"embedding": [float(value) for value in row]} for row in outputs["embedding"]]


EMBEDDING = "embedding"
TASKS = {
    **{problem_type: _classifier(problem_type) for problem_type in of_labels.PROBLEM_TYPES},
    EMBEDDING: Task("sentence_encoder", ("embedding",), _embeddings),
}
"""Problem type -> `Task`."""
