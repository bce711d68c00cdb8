"""Tables in Markdown, for reports and model cards."""

from collections.abc import Mapping


def table(values: Mapping[str, object]) -> list[str]:
    """The lines of a table with one row per value, without those that are None or empty lists.

    A dict of dicts is a table with one row per dict and one column per key.
    """
    if values and all(isinstance(value, dict) for value in values.values()):
        names = list(dict.fromkeys(name for value in values.values() for name in value))
        rows = [[name, *(shown(value.get(each, "")) for each in names)] for name, value in values.items()]
    else:
        names = [""]
        rows = [[name, shown(value)] for name, value in values.items() if value not in (None, [])]
    head = ["| " + "".join(f"| {name} " if name else "| " for name in names) + "|", "|---" * (len(names) + 1) + "|"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def shown(value: object) -> str:
    """A value as it stands in a cell."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    listed = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return " ".join(listed.split()).replace("|", "\\|")
