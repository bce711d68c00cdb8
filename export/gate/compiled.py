"""Runs a file of a bundle on the second engine of its kind, in a process of its own.

    python -m kerasbert.export.gate.compiled BUNDLE NAME

That engine is LiteRT's `CompiledModel`. It loads libraries for GPUs and NPUs, prints what it does until the process
ends, and would hold the weights a second time.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import BundleError, KerasBertError
from kerasbert.export.gate import golden
from kerasbert.runtime.engines import open_run
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import Pipeline


def compiled_outputs(folder: Path, name: str) -> list[dict[str, list[np.ndarray]]]:
    """The outputs for each golden example by name, one array per row, as `CompiledModel` computes them.

    Args:
        folder: the bundle. name: of the file in kerasbert.json; its kind must have a second engine.

    Raises:
        BundleError: `CompiledModel` could not run the file.
    """
    done = subprocess.run([sys.executable, "-m", __name__, str(folder), name], capture_output=True)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BundleError(f"ended with exit code {done.returncode}: {lines[-1]}")
    return pickle.loads(done.stdout)


def main(bundle: str, name: str) -> None:
    folder, manifest = Path(bundle), Manifest.read(bundle)
    file = manifest.files[name]
    run = open_run(folder / file.path, file, manifest.graph(file.graph), compiled=True)
    pipeline = Pipeline(manifest, tokenizers.from_options(manifest.tokenizer, folder), {file.graph: run})
    found = []
    for each in golden.read(folder, manifest.graphs):  # each alone, as on a phone
        found += [answered.outputs for answered in pipeline.answered([golden.example_of(each)])]
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KerasBertError as error:
        sys.exit(str(error))
