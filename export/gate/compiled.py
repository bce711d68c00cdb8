"""Runs a file of a bundle on the second engine of its kind, in a process of its own.

    python -m kerasbert.export.gate.compiled BUNDLE NAME

That engine is LiteRT's `CompiledModel`. It loads libraries for GPUs and NPUs, prints what it does until the process
ends, and would hold the weights a second time.
"""

import io
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import BundleError, KerasBertError
from kerasbert.export.gate import golden
from kerasbert.export.gate.followed import followed
from kerasbert.runtime.engines import open_runs
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import Pipeline

LONGEST = 600
"""Seconds after which `CompiledModel` is given up."""


def compiled_outputs(folder: Path, name: str) -> list[dict[str, list[np.ndarray]]]:
    """The outputs for each golden example by name, one array per row, as `CompiledModel` computes them.

    Args:
        folder: the bundle. name: of the file in kerasbert.json; its kind must have a second engine.

    Raises:
        BundleError: `CompiledModel` could not run the file.
    """
    try:
        done = subprocess.run([sys.executable, "-m", __name__, str(folder), name], capture_output=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise BundleError(f"gave no answers within {LONGEST} seconds") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BundleError(f"ended with exit code {done.returncode}: {lines[-1]}")
    found: dict[int, dict[str, list[np.ndarray]]] = {}
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        for key in arrays:  # in the order in which they were written
            example, name = key.split(" ")[:2]
            found.setdefault(int(example), {}).setdefault(name, []).append(arrays[key])
    return [*found.values()]


def main(bundle: str, name: str) -> None:
    folder, manifest = Path(bundle), Manifest.read(bundle)
    runs = open_runs(folder, manifest.files[name], manifest.graphs, compiled=True)
    pipeline = Pipeline(manifest, tokenizers.from_options(manifest.tokenizer, folder), runs)
    arrays = {}
    for example, each in enumerate(golden.read(folder, manifest.graphs)):  # each alone, as on a phone
        for output, rows in _outputs(pipeline, each).items():
            arrays |= {f"{example} {output} {row}": values for row, values in enumerate(rows)}
    content = io.BytesIO()
    np.savez(content, **arrays)
    sys.stdout.buffer.write(content.getvalue())


def _outputs(pipeline: Pipeline, each: golden.Golden) -> Mapping[str, Sequence[np.ndarray]]:
    """The outputs for an example. Of a model that writes texts, what it computes for the recorded one."""
    example = golden.example_of(each)
    if not golden.writes(pipeline.graphs()):
        (answered,) = pipeline.answered([example])
        return answered.outputs
    rows = pipeline.task.rows(pipeline.tokenizer, example, pipeline.settings)
    found = [followed(pipeline, [row], [one.outputs])[0] for row, one in zip(rows, each.rows, strict=True)]
    return {"log_probs": [one.log_probs for one in found], "kept": [one.kept for one in found]}


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KerasBertError as error:
        sys.exit(str(error))
