"""Pictures of a run."""

from pathlib import Path


def plot_curves(rows: list[dict], path: Path) -> None:
    """Loss and accuracy over the steps, of training and of held-out data, with the learning rate; a PNG.

    Args:
        rows: of `kerasbert.training.journal.read_csv`.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    figure = Figure(figsize=(8, 7), layout="constrained")
    losses, accuracies, rates = figure.subplots(3, 1, sharex=True, height_ratios=(4, 3, 2))
    names = list(dict.fromkeys(name for row in rows for name in row))
    for axes, ending in ((losses, "loss"), (accuracies, "accuracy"), (rates, "learning_rate")):
        for name in (name for name in names if name.endswith(ending)):
            points = [(row["step"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), "o--" if name.startswith("val_") else "-", label=name, markersize=3)
        axes.set_ylabel(ending.replace("_", " "))
        axes.grid(alpha=0.3)
    losses.legend()
    accuracies.legend()
    rates.set_xlabel("step")
    figure.savefig(path, dpi=120, format="png")
