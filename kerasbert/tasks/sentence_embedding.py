"""Sentence embeddings: texts become vectors of length 1, whose dot product is their similarity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.errors import ConfigError
from kerasbert.tasks.encoding import TEXT_FIELDS, check_length, text_rows
from kerasbert.tasks.golden import CALIBRATION, EXAMPLES
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words

POOLINGS = ("mean", "cls", "max")
COSINE = 0.98
"""Smallest cosine of two vectors that count as the same answer."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a sentence encoder.

    Raises:
        ConfigError: `pooling` is not one of `POOLINGS`, or `max_length` is below 3.
    """

    pooling: str = "mean"
    """The "mean" of all tokens, the first token ("cls"), or the largest number of any token in each place ("max")."""
    max_length: int
    """Number of tokens that a text is cut to."""

    def __post_init__(self):
        check_length(self.max_length)
        if self.pooling not in POOLINGS:
            raise ConfigError(f"pooling is {self.pooling!r}: use one of {', '.join(POOLINGS)}")


def graphs(settings: Settings) -> tuple[Graph, ...]:
    return (Graph("model", MODEL_INPUTS, (Output("embedding", "row", "vector"),)),)


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> dict:
    """`{"embedding"}`: a list of numbers."""
    return {"embedding": np.asarray(outputs["embedding"][0]).tolist()}


def same(a: dict, b: dict, settings: Settings) -> bool:
    """Whether two vectors have a cosine of `COSINE` or more."""
    return cosine(a["embedding"], b["embedding"]) >= COSINE


def cosine(a, b) -> float:
    """The cosine of two vectors; 0 if one of them is 0."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


TASK = Task(
    name="sentence-embedding",
    Settings=Settings,
    fields=TEXT_FIELDS,
    golden=EXAMPLES,
    calibration=CALIBRATION,
    words=Words(title="Sentence encoder", verb="embed", gives="one vector per text"),
    contract="TextEmbedder",
    graphs=graphs,
    rows=text_rows,
    decode=decode,
    same=same,
)
