"""A bundle's files as a table on the terminal."""

import click

COLUMNS = (
    ("format", "{0.format}"),
    ("file", "{0.path}"),
    ("MB", "{0.megabytes:.1f}"),
    ("max difference", "{0.max_difference:.1e}"),
    ("labels equal", "{0.agreement:.1%}"),
    ("ms a text", "{0.milliseconds:.1f}"),
)
ACCURACY = ("accuracy", "{0.accuracy:.3f}")
"""Of files that could be asked: one that takes single texts was not asked pairs."""


def print_rows(rows) -> None:
    """One line a file; the accuracy where it was measured."""
    columns = [*COLUMNS, ACCURACY] if any(row.accuracy is not None for row in rows) else COLUMNS
    cells = [[name for name, _ in columns]]
    for row in rows:
        shown = ["" if row.accuracy is None and name == "accuracy" else form.format(row) for name, form in columns]
        cells.append(shown + (["FAILED"] if row.failed else []))
    _print_cells(cells, texts=2)


def print_measured(rows) -> None:
    """One line a file and number of threads, with the milliseconds of each length side by side."""
    lengths = sorted({row.length for row in rows})
    groups = {}
    for row in rows:
        groups.setdefault((row.name, row.threads), {})[row.length] = row
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
        f"ms: a text, of the model alone: the median (95 % took no longer); from text: of {lengths[-1]} tokens, from "
        "string to answer"
    )


def _print_cells(cells: list[list[str]], *, texts: int) -> None:
    """The first line is the head, the first `texts` columns stand left; a line may be longer than the head."""
    columns = len(cells[0])
    widths = [max(len(line[i]) for line in cells) for i in range(columns)]
    for line in cells:
        padded = (
            f"{cell:<{w}}" if i < texts else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(line, widths, strict=False))
        )
        click.echo("  ".join([*padded, *line[columns:]]).rstrip())
