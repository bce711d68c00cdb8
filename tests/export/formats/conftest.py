"""What the tests of all formats share: a written file, opened as the runtime opens it."""

import pytest

from kerasbert.runtime.engines import open_run
from kerasbert.runtime.manifest import File


@pytest.fixture(scope="session")
def opened():
    """`opened(path, model)` -> a `.tflite` file's function from inputs to outputs; no bundle describes the file."""

    def open_file(path, model, *, kind: str = "tflite"):
        (graph,) = model.graphs()
        file = File.describe(path.parent, path.name, kind=kind, graph=graph.name, precision="float32")
        return open_run(path, file, graph)

    return open_file
