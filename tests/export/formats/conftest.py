"""What the tests of all formats share: a written file, opened as the runtime opens it."""

import pytest

from kerasbert.runtime.engines import open_runs
from kerasbert.runtime.manifest import File, Part


@pytest.fixture(scope="session")
def opened():
    """`opened(path, model)` -> a `.tflite` file's function from inputs to outputs; no bundle describes the file."""

    def open_file(path, model, *, kind: str = "tflite"):
        (graph,) = model.graphs()
        file = File(kind=kind, precision="float32", parts=(Part.describe(path.parent, path.name, [graph.name]),))
        return open_runs(path.parent, file, [graph])[graph.name]

    return open_file
