"""Draws the training curves."""

from pathlib import Path

PANELS = {"loss": 4, "accuracy": 3, "learning_rate": 2}
"""The endings of names that share a panel, and its height. What is neither time nor speed and ends otherwise, such as
an F1, stands with the accuracies."""
TIMES = ("step", "seconds", "epoch_seconds", "perplexity")


def plot_curves(rows: list[dict], path: Path) -> None:
    """Loss and figures over the steps, of training and of held-out data, with the learning rate; a PNG.

    A panel without a value is left out.

    Args:
        rows: of `kerasbert.runs.journal.read_csv`.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if name not in TIMES and not name.endswith("_per_second")]
    parts = [name for name in names if name.endswith("_loss") and not name.startswith(("val_", "epoch_"))]
    if len(parts) == 1:  # the sum of one is that one
        names = [name for name in names if name not in ("loss", "val_loss")]
    placed = {ending: [name for name in names if name.endswith(ending)] for ending in PANELS}
    placed["accuracy"] += [name for name in names if not name.endswith(tuple(PANELS))]
    shown = [ending for ending in PANELS if placed[ending]] or ["loss"]
    heights = [PANELS[ending] for ending in shown]
    figure = Figure(figsize=(8, 1 + 2 / 3 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for axes, ending in zip(panels, shown, strict=True):
        for name in placed[ending]:
            points = [(row["step"], row[name]) for row in rows if name in row]
            style = "o--" if name.startswith(("val_", "epoch_")) or len(points) == 1 else "-"
            axes.plot(*zip(*points, strict=True), style, label=name, markersize=3)
            axes.legend()
        axes.set_ylabel(ending.replace("_", " "))
        axes.grid(alpha=0.3)
    steps = [row["step"] for row in rows] or [0]
    panels[-1].set_xlim(min(steps) - 0.5, max(steps) + 0.5)  # around a single step too
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[-1].set_xlabel("step")
    figure.savefig(path, dpi=120, format="png")
