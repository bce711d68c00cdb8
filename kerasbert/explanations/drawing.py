"""Draws an explanation: the words of the texts on a coloured ground, and a small map per attention head."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from kerasbert.errors import DataError
from kerasbert.explanations.attribution import AttentionMap, heading

WIDTH = 10
"""Width of the picture in inches."""
DPI = 120
HIGHEST = 2**16
"""matplotlib draws less than this many pixels in a direction."""
LINE = 0.3
"""Height of a line of text in inches."""
COLOURS = "RdBu"
"""Red for words that lower the logit, blue for words that raise it."""


def draw(path: Path, data: Mapping, attention: Sequence[AttentionMap]) -> None:
    """Writes a PNG. Characters that matplotlib's font lacks, such as Chinese ones, appear as boxes.

    Args:
        data: from `Explanation.as_data`.

    Raises:
        DataError: the picture would be higher than a PNG of matplotlib can be.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    blocks = [_lines_of(each) for each in data["attributions"]]
    heights = [LINE * (len(lines) + 1.5) for lines in blocks]
    heights += [WIDTH / each.weights.shape[1] * each.weights.shape[0] + LINE for each in attention]
    height = sum(heights) * DPI
    if height >= HIGHEST:
        raise DataError(
            f"a picture of {len(blocks)} explained logits would be {height:.0f} pixels high, and {HIGHEST} is too high "
            "for a PNG; write a .html file, or name a target"
        )
    figure = Figure(figsize=(WIDTH, sum(heights)))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, attribution, lines in zip(parts, data["attributions"], blocks, strict=False):
        _draw_words(part, attribution, lines)
    for part, each in zip(parts[len(blocks) :], attention, strict=True):
        _draw_heads(part, each.weights)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, dpi=DPI, format="png")


MOST_CHARACTERS = 112
"""Number of characters of `SIZE` in a line; the font has a fixed width."""
SIZE = 10


def _lines_of(attribution: Mapping) -> list[list[Mapping]]:
    """The words in lines. Every text begins a line."""
    lines: list[list[Mapping]] = []
    for _, words in groupby(attribution["words"], key=lambda each: each["field"]):
        room = 0
        for each in words:
            if len(each["text"]) > room:
                lines.append([])
                room = MOST_CHARACTERS
            lines[-1].append(each)
            room -= len(each["text"]) + 1
    return lines


def _draw_words(figure, attribution: Mapping, lines: Sequence[Sequence[Mapping]]) -> None:
    from matplotlib import colormaps

    axes = figure.add_axes((0.03, 0, 0.94, 1))
    axes.set(xlim=(0, MOST_CHARACTERS), ylim=(len(lines) + 1, -0.5))
    axes.axis("off")
    largest = max(abs(each["attribution"]) for line in lines for each in line) or 1.0
    axes.text(0, 0, heading(attribution), va="center", fontsize=SIZE, parse_math=False)
    for row, line in enumerate(lines, 1):
        column = 0
        for each in line:
            share = each["attribution"] / largest
            ground = colormaps[COLOURS](0.5 + share / 2)
            ink = "white" if abs(share) > 0.7 else "black"
            look = {"family": "monospace", "fontsize": SIZE, "va": "center", "color": ink, "parse_math": False}
            box = {"facecolor": ground, "edgecolor": "none", "pad": 1.5}
            axes.text(column, row, each["text"], bbox=box, **look)
            column += len(each["text"]) + 1


def _draw_heads(figure, weights: np.ndarray) -> None:
    layers, heads = weights.shape[:2]
    panels = figure.subplots(layers, heads, squeeze=False, gridspec_kw={"wspace": 0.08, "hspace": 0.08})
    figure.subplots_adjust(left=0.05, right=0.97, bottom=0.02, top=0.9)
    figure.suptitle("attention by layer (down) and head (across)", fontsize=9)
    for (layer, head), axes in np.ndenumerate(panels):
        axes.imshow(weights[layer, head], cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=(), yticks=())
        if head == 0:
            axes.set_ylabel(layer, fontsize=7)
        if layer == 0:
            axes.set_title(head, fontsize=7, pad=2)
