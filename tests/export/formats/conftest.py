"""What the tests of all formats share: a written file, opened as the runtime opens it."""

import pytest

from kerasbert.runtime.engines import open_runs
from kerasbert.runtime.manifest import File, Part


@pytest.fixture(scope="session")
def opened():
    """`opened(path, model)` -> a `.tflite` file's function from inputs to outputs; of several graphs, their functions
    by name. No bundle describes the file."""

    def open_file(path, model, *, kind: str = "tflite"):
        names = [graph.name for graph in model.graphs()]
        file = File(kind=kind, precision="float32", parts=(Part.describe(path.parent, path.name, names),))
        runs = open_runs(path.parent, file, model.graphs())
        return runs if names[1:] else runs[names[0]]

    return open_file
