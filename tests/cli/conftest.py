"""What every failed command has in common."""

from pathlib import Path

import pytest


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
