"""Integer arithmetic: tracing options, and the examples that calibrate its ranges."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from keras import ops

from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.task import Example

TRACED = {"masked": -50.0, "square": lambda x: x * x, "one_hot": ops.one_hot}
"""What layers are traced with (`kerasbert.layers.tracing.TracingOptions`).

`masked` is added to the scores of padding. With the usual -1e4, all real scores would lie within one step of 8 bits.
`square` is a product, which is not fused with the difference before it: SQUARED_DIFFERENCE has no 16-bit kernel.
`one_hot` compares whole numbers: squares of distances do not fit into 8 bits."""
MOST = 200
"""Most examples for calibration: the ranges have settled by then, and each example runs once in every signature."""


def spread(examples: Sequence[Example]) -> list[Example]:
    """At most `MOST` of the examples, evenly spread over them."""
    places = np.unique(np.linspace(0, len(examples) - 1, MOST).round().astype(int))
    return [examples[i] for i in places]


def calibration(model, examples: Sequence[Example], signatures: Mapping[str, int]) -> Callable[[], Iterator]:
    """The converter's representative dataset: every example in every signature, cut to its length and padded.

    Args:
        signatures: name -> length.
    """

    def rows() -> Iterator[tuple[str, dict]]:
        (graph,) = model.graphs()
        for signature, length in signatures.items():
            settings = replace(model.settings, max_length=length)
            for example in examples:
                for row in model.task.rows(model.tokenizer, example, settings):
                    yield signature, pad_rows([row], graph, round_to=length)

    return rows
