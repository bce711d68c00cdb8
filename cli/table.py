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


def print_rows(rows) -> None:
    """One line a file; the accuracy where it was measured."""
    columns = [*COLUMNS, ACCURACY] if rows and rows[0].accuracy is not None else COLUMNS
    cells = [[name for name, _ in columns]]
    cells += [[form.format(row) for _, form in columns] + (["FAILED"] if row.failed else []) for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        text = (
            f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(line, widths, strict=False))
        )
        click.echo("  ".join([*text, *line[len(columns) :]]).rstrip())
