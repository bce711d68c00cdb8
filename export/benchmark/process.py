"""Measures one file of a bundle, in a process that was started for it alone.

    python -m kerasbert.export.benchmark.process '{"bundle": ..., "name": ..., "examples": [...], ...}'

`kerasbert.export.benchmark.measure` starts it and reads the JSON in its last line. The packages that run a file are
imported in functions, because their time and memory count as the file's.
"""

import json
import sys
import time
from functools import partial
from pathlib import Path

WARM_UP = 3
"""Answers before the clock runs: the first one at a length may plan, compile or read pages of the file."""


def peak_memory() -> float:
    """Largest memory of this process so far, in MB; NaN where the system does not say."""
    try:  # not ru_maxrss, which begins with the memory of the parent
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class Clock:
    """Adds up the seconds that functions take. A text may need many calls of several functions."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, functions: dict) -> dict:
        """The functions by name, each of which adds its time."""
        return {name: partial(self._run, function) for name, function in functions.items()}

    def _run(self, function, *args):
        start = time.perf_counter()
        result = function(*args)
        self.seconds += time.perf_counter() - start
        return result


def open_file(bundle: str, name: str, threads: int):
    """Opens a file: a function from texts to answers, and the clock of its model alone."""
    from kerasbert.runtime.kinds import KINDS
    from kerasbert.runtime.manifest import Manifest

    if KINDS[Manifest.read(bundle).files[name].kind].engine:
        from kerasbert.runtime import load

        pipeline = load(bundle, file=name, threads=threads)
    else:
        limit_tensorflow(threads)
        from kerasbert.export.gate.opening import open_any

        pipeline = open_any(bundle, name).pipeline
    clock = Clock()
    pipeline.runs = clock.timed(pipeline.runs)
    return pipeline.predict_text, clock


def open_model(path: str, bundle: str, threads: int):
    """The same for a saved Keras model of the bundle's task."""
    limit_tensorflow(threads)
    from kerasbert.models.opening import open_model as open_folder
    from kerasbert.runtime.manifest import Manifest

    model, clock = open_folder(path, task=Manifest.read(bundle).task), Clock()
    runs = clock.timed(model.runs())
    model.runs = lambda: runs
    return model.predict_text, clock


def limit_tensorflow(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def measure(*, bundle: str, name: str, model: str | None, threads: int, examples: list[dict], runs: int) -> dict:
    """Opens a file and answers every example `runs` times.

    Returns:
        `load`: seconds from the start to the first answer. `memory`: largest growth of the process, in MB. `cores`:
        number of cores that were busy while it answered. `alone`, `whole`: one list of milliseconds per example,
        for the model on ids and from text to answer.
    """
    memory, start = peak_memory(), time.perf_counter()
    answer, clock = open_file(bundle, name, threads) if model is None else open_model(model, bundle, threads)
    asked = [{name: [value] for name, value in each.items()} for each in examples]
    answer(**asked[0])
    load = time.perf_counter() - start

    alone, whole, seconds, cpu = [], [], 0.0, 0.0
    for each in asked:
        for _ in range(WARM_UP):
            answer(**each)
        alone.append([])
        whole.append([])
        began, cpu_began = time.perf_counter(), time.process_time()
        for _ in range(runs):
            start, clock.seconds = time.perf_counter(), 0.0
            answer(**each)
            whole[-1].append(1e3 * (time.perf_counter() - start))
            alone[-1].append(1e3 * clock.seconds)
        seconds, cpu = seconds + time.perf_counter() - began, cpu + time.process_time() - cpu_began
    return {
        "load": load,
        "memory": peak_memory() - memory,
        "cores": cpu / seconds,
        "alone": alone,
        "whole": whole,
    }


def main() -> None:
    from kerasbert.errors import KerasBertError

    try:
        result = measure(**json.loads(sys.argv[1]))
    except KerasBertError as error:
        result = {"error": str(error)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
