"""Checks that a model file has the inputs and outputs that kerasbert.json lists."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kerasbert.errors import BundleError
from kerasbert.tasks.task import Graph


def check_matches(path: Path, graph: Graph, *, inputs: Iterable[str], outputs: Mapping[str, int | None]) -> None:
    """Compares a file with the graph that it is said to compute. A file may have more outputs than its graph.

    Args:
        inputs: the file's own. outputs: the file's own, with the size of the last axis; None where the file leaves
            it open.

    Raises:
        BundleError: they differ.
    """
    wanted = {each.name for each in graph.inputs}
    if wanted != set(inputs):
        raise _differs(path, f"takes {_listed(inputs)}", _listed(wanted))
    for each in graph.outputs:
        if each.name not in outputs:
            raise _differs(path, f"gives {_listed(outputs)}", each.name)
        if each.width and outputs[each.name] not in (None, each.width):
            raise _differs(path, f"gives {outputs[each.name]} numbers in {each.name}", each.width)


def _differs(path: Path, found: str, wanted) -> BundleError:
    return BundleError(f"{path}: {found}, but kerasbert.json says {wanted}; export again")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
