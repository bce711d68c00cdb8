"""Writes explanations as JSON, as a page and as a picture."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbert.errors import ConfigError
from kerasbert.explanations.attribution import AttentionMap
from kerasbert.explanations.drawing import draw
from kerasbert.explanations.page import page
from kerasbert.files import new_file

DIGITS = 6
"""Decimal places of attention weights in JSON."""


def write(path: Path, data: Mapping, attention: Sequence[AttentionMap]) -> None:
    """Writes an explanation in the format that the file's ending names.

    Args:
        data: from `Explanation.as_data`.

    Raises:
        ConfigError: the name has another ending.
    """
    check_ending(path)
    with new_file(path) as building:
        WRITERS[path.suffix](building, data, attention)


def check_ending(path: Path) -> None:
    """Raises ConfigError if the name of a file has an ending that is none of `WRITERS`."""
    if path.suffix not in WRITERS:
        raise ConfigError(f"{path}: name a file that ends in {', '.join(WRITERS)}")


def _write_json(path: Path, data: Mapping, attention: Sequence[AttentionMap]) -> None:
    maps = [{"tokens": each.tokens, "weights": _rounded(each.weights)} for each in attention]
    whole = {**data, **({"attention": maps} if maps else {})}
    path.write_text(json.dumps(whole, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(weights: np.ndarray) -> list:
    return np.round(weights.astype(float), DIGITS).tolist()


def _write_page(path: Path, data: Mapping, attention: Sequence[AttentionMap]) -> None:
    path.write_text(page(data, attention), encoding="utf-8")


WRITERS: Mapping[str, Callable[[Path, Mapping, Sequence[AttentionMap]], None]] = {
    ".html": _write_page,
    ".png": draw,
    ".json": _write_json,
}
"""Ending of a file -> the function that writes it: path, data, attention maps."""
