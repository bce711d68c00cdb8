"""Draws the training curves."""

from pathlib import Path

ENDINGS = ("loss", "accuracy", "learning_rate")
"""The panels. What is neither time nor speed and ends otherwise, such as an F1, stands with the accuracies."""
TIMES = ("step", "seconds", "epoch_seconds", "perplexity")


def plot_curves(rows: list[dict], path: Path) -> None:
    """Loss and figures over the steps, of training and of held-out data, with the learning rate; a PNG.

    Args:
        rows: of `kerasbert.runs.journal.read_csv`.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    figure = Figure(figsize=(8, 7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(4, 3, 2))
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if name not in TIMES and not name.endswith("_per_second")]
    parts = [name for name in names if name.endswith("_loss") and not name.startswith(("val_", "epoch_"))]
    if len(parts) == 1:  # the sum of one is that one
        names = [name for name in names if name not in ("loss", "val_loss")]
    placed = {ending: [name for name in names if name.endswith(ending)] for ending in ENDINGS}
    placed["accuracy"] += [name for name in names if not name.endswith(ENDINGS)]
    for axes, ending in zip(panels, ENDINGS, strict=True):
        for name in placed[ending]:
            points = [(row["step"], row[name]) for row in rows if name in row]
            style = "o--" if name.startswith(("val_", "epoch_")) or len(points) == 1 else "-"
            axes.plot(*zip(*points, strict=True), style, label=name, markersize=3)
            axes.legend()
        axes.set_ylabel(ending.replace("_", " "))
        axes.grid(alpha=0.3)
    panels[-1].set_xlabel("step")
    figure.savefig(path, dpi=120, format="png")
