"""What the tests of all formats share: a written file, opened as the runtime opens it."""

from types import SimpleNamespace

import pytest

from kerasbert.runtime.engines import open_run


@pytest.fixture(scope="session")
def opened():
    """`opened(path, model)` -> the file's function from inputs to outputs; no bundle describes the file."""

    def open_file(path, model):
        return open_run(path, SimpleNamespace(kind=path.suffix[1:], precision="float32"), model.graphs()[0])

    return open_file
