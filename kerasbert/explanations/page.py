"""The page of an explanation: one HTML file that needs no network."""

import base64
import json
from collections.abc import Mapping, Sequence
from importlib import resources

import numpy as np

from kerasbert.explanations.attribution import AttentionMap

MARK = "EXPLANATION_AS_JSON"
"""Where the template takes the explanation."""


def page(data: Mapping, attention: Sequence[AttentionMap]) -> str:
    """The page as text.

    Args:
        data: from `Explanation.as_data`.
    """
    whole = json.dumps({**data, "attention": [_packed(each) for each in attention]}, ensure_ascii=False)
    template = (resources.files(__package__) / "page.html").read_text(encoding="utf-8")
    return template.replace(MARK, whole.replace("<", "\\u003c"))  # a text may hold "</script>"


def _packed(attention: AttentionMap) -> dict:
    """An attention map with its weights as 16-bit integers in base64: 0 for 0 and 65,535 for 1."""
    numbers = np.round(attention.weights * 65535).astype("<u2")
    packed = base64.b64encode(numbers.tobytes()).decode("ascii")
    return {"tokens": attention.tokens, "shape": numbers.shape, "weights": packed}
