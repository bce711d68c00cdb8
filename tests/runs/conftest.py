"""What many tests of runs look at: a pre-training run, and the texts that a teacher has answered."""

import contextlib
import io
from types import SimpleNamespace

import pytest
from runs.short_runs import train

from kerasbert.models.text_model import TextModel


@pytest.fixture(scope="session")
def finished(prepared, tmp_path_factory) -> SimpleNamespace:
    """A run on pairs with held-out data: `folder`, `data`, `dev`, what it returned (`figures`) and said (`stderr`)."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    data, dev = prepared(mode="mlm-nsp"), prepared(mode="mlm-nsp", seed=1, documents=40)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        figures = train(data, folder, dev=dev)
    return SimpleNamespace(folder=folder, data=data, dev=dev, figures=figures, stderr=said.getvalue())


@pytest.fixture
def answered(monkeypatch):
    """The texts that a teacher has answered."""
    found, usual = [], TextModel.answered

    def counted(self, examples, **options):
        for each in usual(self, examples, **options):
            found.append(each.example)
            yield each

    monkeypatch.setattr(TextModel, "answered", counted)
    return found
