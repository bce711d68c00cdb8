"""The command line in this process, so that TensorFlow loads once."""

import logging
import os
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerasbert.cli.main import main


@pytest.fixture
def run(monkeypatch, tmp_path):
    """`run("predict", folder, "text")` in an empty folder -> click's result: exit_code, stdout, stderr, exception."""
    log = logging.getLogger("kerasbert")
    before = log.level, log.propagate, log.handlers
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(tmp_path)
    yield lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], prog_name="kerasbert")
    log.level, log.propagate, log.handlers = before


@pytest.fixture
def fails(run, tmp_path):
    """`fails("evaluate", ...)` -> the one line of a failed run, which must have written nothing."""

    def failed(*args) -> str:
        before = sorted(Path(tmp_path).rglob("*"))
        result = run(*args)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        assert result.stderr.count("\n") == 1, result.stderr
        assert sorted(Path(tmp_path).rglob("*")) == before
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    return failed
