"""Feature extraction: the encoder's own vectors, one per token, and one per text if the model has a pooler."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.tasks.encoding import TEXT_FIELDS, check_length, text_rows
from kerasbert.tasks.golden import CALIBRATION, EXAMPLES
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words

COSINE, SHARE = 0.98, 0.9
"""Two answers count as the same if this share of their vectors have at least this cosine."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a feature extractor.

    Raises:
        ConfigError: `max_length` is below 3.
    """

    max_length: int
    """Number of tokens that a text is cut to."""

    def __post_init__(self):
        check_length(self.max_length)


def graphs(settings: Settings) -> tuple[Graph, ...]:
    outputs = (Output("sequence_output", "token", "vector"), Output("pooled_output", "row", "vector"))
    return (Graph("model", MODEL_INPUTS, outputs),)


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> dict:
    """`{"sequence_output"}`, one vector per token, including [CLS] and [SEP]; and `"pooled_output"` with a pooler."""
    return {name: np.asarray(values[0]).tolist() for name, values in outputs.items()}


def same(a: dict, b: dict, settings: Settings) -> bool:
    """Whether both answers have the same number of vectors and nearly all pairs have a cosine of `COSINE` or more."""
    ours, theirs = (np.vstack([np.atleast_2d(values) for values in answer.values()]) for answer in (a, b))
    if ours.shape != theirs.shape:
        return False
    lengths = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    return float(np.mean(np.sum(ours * theirs, axis=-1) >= COSINE * lengths)) >= SHARE


TASK = Task(
    name="feature-extraction",
    Settings=Settings,
    fields=TEXT_FIELDS,
    golden=EXAMPLES,
    calibration=CALIBRATION,
    words=Words(title="Encoder", verb="encode", gives="one vector per token"),
    graphs=graphs,
    rows=text_rows,
    decode=decode,
    same=same,
)
