"""Draws the results of `kerasbert benchmark`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kerasbert.export.benchmark.measure import Measured
from kerasbert.files import new_file


def draw(rows: Sequence[Measured], figures: Mapping[str, float], path: Path, *, headline: str = "") -> None:
    """Draws a PNG with one dot per file, larger for a larger file: quality against time.

    Args:
        rows: measurements; those of the longest text on the fewest threads are drawn.
        figures: a figure of quality by the files' names. If it is empty, megabytes are drawn in its place.
        headline: the name of that figure.
    """
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    longest, fewest = max(row.sequence_length for row in rows), min(row.threads for row in rows)
    shown = [row for row in rows if (row.sequence_length, row.threads) == (longest, fewest)]
    known = [row for row in shown if row.name in figures]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for row in known or shown:
        y = figures[row.name] if known else row.megabytes
        area = 600 * row.megabytes / max(row.megabytes for row in shown)
        axes.scatter(row.ms, y, s=max(area, 30), alpha=0.6, label=f"{row.name}, {row.megabytes:.1f} MB")
    legend = figure.legend(loc="outside right upper")
    for handle in legend.legend_handles:
        handle.set_sizes([60])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"milliseconds for {longest} tokens, threads: {fewest}")
    axes.set_ylabel(headline if known else "MB")
    axes.margins(0.25)
    axes.grid(alpha=0.3)
    with new_file(path) as building:
        figure.savefig(building, dpi=120, format="png")
