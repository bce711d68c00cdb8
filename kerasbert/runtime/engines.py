"""Opens a model file as a function from arrays to outputs; each engine has its own file (`kerasbert.runtime.kinds`)."""

import os
from dataclasses import replace
from pathlib import Path

from kerasbert.errors import BundleError
from kerasbert.runtime.kinds import KINDS, function_at
from kerasbert.runtime.manifest import File
from kerasbert.tasks.task import Graph, Run

MOST_THREADS = 4
"""Most threads that an engine takes when nobody says how many: more rarely make a single text faster."""


def open_run(path: Path, file: File, graph: Graph, *, threads: int | None = None, compiled: bool = False) -> Run:
    """The function behind a model file. Threads may share it.

    Args:
        file: how kerasbert.json describes it. graph: the graph that it computes.
        threads: number of threads that one call may use; None: one per core, at most `MOST_THREADS`.
        compiled: open it with the kind's second engine, `kerasbert.runtime.kinds.Kind.compiled`, which it must have.

    Raises:
        BundleError: a kind of file that needs TensorFlow, a broken file, or one that does not compute the graph.
        MissingDependency: its engine is not installed.
    """
    kind = KINDS[file.kind]
    engine = kind.compiled if compiled else kind.engine
    if not engine:
        raise BundleError(f"{path}: the runtime does not run a {file.kind} file; it needs TensorFlow")
    if threads is not None and threads < 1:
        raise BundleError(f"{path}: threads is {threads}: use 1 or more")
    threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
    names = {each.name: file.outputs.get(each.name, each.name) for each in graph.outputs}
    graph = replace(graph, outputs=tuple(replace(each, name=names[each.name]) for each in graph.outputs))
    # Engines open the file again when threads need it, perhaps in another working directory.
    run = function_at(engine)(path.absolute(), graph, threads=threads, integers=file.precision not in FLOATS)

    def renamed(batch: dict) -> dict:
        found = run(batch)
        return {name: found[of_file] for name, of_file in names.items()}

    return renamed if file.outputs else run


FLOATS = ("float32", "float16")
"""Precisions whose products are computed in float32."""
