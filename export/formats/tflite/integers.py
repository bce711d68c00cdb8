"""Integer arithmetic: what layers compute while it is traced, and the texts that its ranges are measured on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from kerasbert.tasks.task import Example, Task

SETTINGS = {"masked": -50.0, "square": lambda x: x * x}
"""Attributes of layers while they are traced.

`masked` is added to the scores of padding. With the usual -1e4, all real scores would lie within one step of 8 bits.
`square` is a product, which is not fused with the difference before it: SQUARED_DIFFERENCE has no 16-bit kernel."""
MOST = 200
"""Most examples for calibration: the ranges have settled by then, and each example runs in every signature."""


@contextmanager
def for_integers(model) -> Iterator[None]:
    """Within the block, the model's layers have `SETTINGS`."""
    changed = [
        (layer, name, getattr(layer, name))
        for layer in model._flatten_layers()
        for name in SETTINGS
        if hasattr(layer, name)
    ]
    for layer, name, _ in changed:
        setattr(layer, name, SETTINGS[name])
    try:
        yield
    finally:
        for layer, name, value in changed:
            setattr(layer, name, value)


def calibration_examples(examples: Sequence[Example]) -> list[Example]:
    """At most `MOST` of the examples, evenly spread over them."""
    places = np.unique(np.linspace(0, len(examples) - 1, MOST).round().astype(int))
    return [examples[place] for place in places]


def golden_examples(task: Task) -> list[Example]:
    """The calibration examples when the user gives none: the golden ones.

    Where a single field makes an example, such as one text of a pair, every field of a golden example stands alone.
    """
    (first, *others) = task.fields
    if any(each.required for each in others):
        return list(task.golden)
    return [Example({first.name: value}) for example in task.golden for value in example.fields.values()]


def calibration(
    model, examples: Sequence[Example], signatures: Mapping[str, int], inputs: Sequence[str]
) -> Callable[[], Iterator]:
    """The converter's representative dataset: every example in every signature, cut and padded to its length.

    Args:
        signatures: name -> length. inputs: names of a signature's inputs.
    """
    pads = {each.name: each.pad for graph in model.graphs() for each in graph.inputs}

    def rows() -> Iterator[tuple[str, dict]]:
        for signature, length in signatures.items():
            settings = replace(model.settings, max_length=length)
            for example in examples:
                for row in model.task.rows(model.tokenizer, example, settings):
                    ids = {name: row.inputs.get(name, ()) for name in inputs}
                    yield signature, {name: _padded(ids[name], length, pads.get(name, 0)) for name in inputs}

    return rows


def _padded(ids: Sequence[int], length: int, pad: int) -> np.ndarray:
    return np.array([[*ids, *[pad] * (length - len(ids))]], np.int32)
