"""Opens a model file as a function from arrays to outputs; each engine has its own file (`kerasbert.runtime.kinds`)."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kerasbert.errors import BundleError
from kerasbert.runtime.kinds import KINDS, function_at
from kerasbert.runtime.manifest import File
from kerasbert.tasks.task import Graph, Run

MOST_THREADS = 4
"""Most threads that an engine takes when nobody says how many: more rarely make a single text faster."""


def open_runs(
    folder: Path, file: File, graphs: Sequence[Graph], *, threads: int | None = None, compiled: bool = False
) -> dict[str, Run]:
    """The functions behind a model file, by the names of the graphs that they compute. Threads may share them.

    Args:
        folder: the bundle. file: how kerasbert.json describes the file. graphs: those that it computes.
        threads: number of threads that one call may use; None: one per core, at most `MOST_THREADS`.
        compiled: open it with the kind's second engine, `kerasbert.runtime.kinds.Kind.compiled`, which it must have.

    Raises:
        BundleError: a kind of file that needs TensorFlow, a broken file, or one that does not compute its graphs.
        MissingDependency: its engine is not installed.
    """
    kind = KINDS[file.kind]
    engine = kind.compiled if compiled else kind.engine
    if not engine:
        raise BundleError(f"{folder / file.path}: the runtime does not run a {file.kind} file; it needs TensorFlow")
    if threads is not None and threads < 1:
        raise BundleError(f"{folder / file.path}: threads is {threads}: use 1 or more")
    threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
    options = {"threads": threads, "integers": file.precision not in FLOATS}
    runs: dict[str, Run] = {}
    for part in file.parts:
        taken = [_as_in_file(graph, file) for graph in graphs if graph.name in part.graphs]
        # Engines open the file again when threads need it, perhaps in another working directory.
        runs |= function_at(engine)((folder / part.path).absolute(), taken, **options)
    return {name: _renamed(run, file) for name, run in runs.items()} if file.outputs else runs


def _as_in_file(graph: Graph, file: File) -> Graph:
    """The graph with the file's names of its outputs."""
    outputs = (replace(each, name=file.outputs.get(each.name, each.name)) for each in graph.outputs)
    return replace(graph, outputs=tuple(outputs))


def _renamed(run: Run, file: File) -> Run:
    """The function with the graph's names of its outputs."""
    names = {of_file: name for name, of_file in file.outputs.items()}
    return lambda batch: {names.get(name, name): values for name, values in run(batch).items()}


FLOATS = ("float32", "float16")
"""Precisions whose products are computed in float32."""
