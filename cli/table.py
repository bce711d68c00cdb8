"""Tables on the terminal: a bundle's files, and figures by name."""

import click

COLUMNS = (
    ("format", "{0.format}"),
    ("file", "{0.path}"),
    ("MB", "{0.megabytes:.1f}"),
    ("max difference", "{0.max_difference:.1e}"),
    ("answers equal", "{0.agreement:.1%}"),
    ("ms per text", "{0.milliseconds:.1f}"),
)


def print_rows(rows, headline: str) -> None:
    """One line per file, with the figure that decides whether it passes, and FAILED at the end if it does not.

    Args:
        headline: the name of the task's figure; shown where it was measured. A file that takes single texts was not
            asked pairs.
    """
    measured = any(row.figure is not None for row in rows)
    cells = [[*(name for name, _ in COLUMNS), *[headline] * measured, "decided by"]]
    for row in rows:
        shown = [form.format(row) for _, form in COLUMNS]
        figure = [] if not measured else [""] if row.figure is None else [f"{row.figure:.3f}"]
        decision = [row.decision.figure] if row.decision else []
        cells.append([*shown, *figure, *decision, *["FAILED"] * bool(row.failed)])
    _print_cells(cells, texts=2, aligned=len(COLUMNS) + measured)


def print_measured(rows) -> None:
    """One line per file and number of threads, with the milliseconds of each length side by side."""
    lengths = sorted({row.sequence_length for row in rows})
    groups = {}
    for row in rows:
        groups.setdefault((row.name, row.threads), {})[row.sequence_length] = row
    cells = [
        ["format", "threads", "MB", "memory MB", "load s", *(f"ms at {length}" for length in lengths), "from text"]
    ]
    for (name, threads), group in groups.items():
        last = group[lengths[-1]]
        first = [name, str(threads), f"{last.megabytes:.1f}", f"{last.memory_mb:.0f}", f"{last.load_s:.2f}"]
        times = [f"{row.ms:.2f} ({row.ms_p95:.2f})" for row in group.values()]
        cells.append([*first, *times, f"{last.text_ms:.2f} ({last.text_ms_p95:.2f})"])
    _print_cells(cells, texts=1)
    click.echo(
        "ms: the model alone for one text, as the median (and the time that 95 % of the answers did not exceed); from "
        f"text: from string to answer, for {lengths[-1]} tokens"
    )


def shown(value: float | int | str | None) -> str:
    """A figure as tables have it: numbers that are no whole ones with four places."""
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def print_figures(figures: dict[str, dict], head: str) -> None:
    """One line per name, with its figures side by side. Args: head: what the names are."""
    columns = list(dict.fromkeys(column for row in figures.values() for column in row))
    cells = [[head, *columns]]
    for name, row in figures.items():
        cells.append([name, *(shown(row.get(column)) for column in columns)])
    _print_cells(cells, texts=1)


def _print_cells(cells: list[list[str]], *, texts: int, aligned: int | None = None) -> None:
    """Prints lines of cells. The first line is the head.

    Args:
        texts: number of columns, from the left, that are aligned to the left.
        aligned: number of columns that have one width; the cells behind them follow as they are. None: all.
    """
    aligned = len(cells[0]) if aligned is None else aligned
    widths = [max(len(line[i]) for line in cells) for i in range(aligned)]
    for line in cells:
        padded = (
            f"{cell:<{w}}" if i < texts else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(line, widths, strict=False))
        )
        click.echo("  ".join([*padded, *line[aligned:]]).rstrip())
