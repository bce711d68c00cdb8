"""Which rows share a batch and a loss, for `Task.group`."""

from collections.abc import Sequence


def alone(rows: Sequence) -> list[list]:
    """Puts every row into a group by itself, for a loss that needs no other row."""
    return [[row] for row in rows]


def by_example(rows: Sequence) -> list[list]:
    """Puts the rows of an example, which are its choices or its texts, into one group, because they have one loss.

    Args:
        rows: a list of `kerasbert.tasks.task.Row`. The first row of each example has the `choice` 0.
    """
    groups = []
    for row in rows:
        if row.choice == 0:
            groups.append([])
        groups[-1].append(row)
    return groups
