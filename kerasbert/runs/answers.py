"""Draws where a model's answers are right and where they are wrong."""

from pathlib import Path

import numpy as np

from kerasbert.files import new_file
from kerasbert.tasks.figures.pictures import Counts, Points

MOST_CELLS = 2500
"""A table of more cells is drawn without its numbers."""


def draw_answers(picture: Counts | Points, path: Path) -> None:
    """Draws a table of counts, such as a confusion matrix, or predicted numbers over the true ones; a PNG."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    table = isinstance(picture, Counts)
    side = 2.5 + 0.5 * len(picture.rows) if table else 6
    figure = Figure(figsize=(max(4, min(side, 24)),) * 2, layout="constrained")
    (_draw_counts if table else _draw_points)(figure.subplots(), picture)
    with new_file(path) as building:
        figure.savefig(building, dpi=120, format="png")


def _draw_counts(axes, picture: Counts) -> None:
    counts = np.array(picture.counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)  # of each row, so that rare classes can be read too
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if counts.size <= MOST_CELLS:
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, count, ha="center", va="center", color="white" if shares[row, column] > 0.5 else "k")
    axes.set_xticks(range(len(picture.columns)), picture.columns, rotation=45, ha="right")
    axes.set_yticks(range(len(picture.rows)), picture.rows)
    axes.set_xlabel(picture.across)
    axes.set_ylabel(picture.down)


def _draw_points(axes, picture: Points) -> None:
    axes.axline((picture.true[0], picture.true[0]), slope=1, color="gray", linewidth=1)
    axes.scatter(picture.true, picture.predicted, alpha=0.5)
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.grid(alpha=0.3)
