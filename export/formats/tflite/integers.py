"""Integer arithmetic throughout: what the graph has to look like for it, and the texts that its ranges are read off."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kerasbert.export.gate import golden
from kerasbert.runtime.interpreter import padded

TRACED = {"masked": -50.0, "square": lambda x: x * x}
"""What layers are traced with (`kerasbert.layers.tracing.TracingOptions`).

`masked` is added to the scores of padding: with -1e4, all real scores would lie within one step of 8 bits. `square` as
a product is not fused with the difference before it: SQUARED_DIFFERENCE has no kernel of 16 bits."""
TEXTS = 200
"""For calibration, at most: ranges have settled by then, and each text runs once in every signature."""
Texts = tuple[Sequence[str], Sequence[str] | None]


def calibration_texts(texts: Sequence[str], pairs: Sequence[str] | None) -> Texts:
    """At most `TEXTS` of the texts, evenly spread over them."""
    places = np.unique(np.linspace(0, len(texts) - 1, TEXTS).round().astype(int))
    return [texts[i] for i in places], None if pairs is None else [pairs[i] for i in places]


def golden_texts() -> Texts:
    """What calibrates where there are no better texts: the golden ones, and the pairs' texts apart."""
    return [*golden.TEXTS, *(text for pair in golden.PAIRS for text in pair)], None


def calibration(model, texts: Texts, signatures: dict[str, int], inputs: Sequence[str]) -> Callable[[], Iterator]:
    """The converter's representative dataset: every text in every signature, cut to its length and padded.

    Args:
        texts: first and, of pairs, second ones. signatures: name -> length. inputs: the names of a signature's.
    """

    dtypes = dict.fromkeys(inputs, np.int32)

    def rows() -> Iterator[tuple[str, dict]]:
        for signature, length in signatures.items():
            encoded = model.tokenizer(*texts, max_length=length)
            for row in range(len(texts[0])):
                yield signature, padded(encoded, row, dtypes, length=length, pad_id=model.config.pad_token_id)

    return rows
