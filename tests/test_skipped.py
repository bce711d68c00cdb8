"""The line at the end of a run counts the tests that something missing kept from running."""

import subprocess
import sys

import pytest
from skipped import left_out

JAX = "Skipped: could not import 'jax': No module named 'jax'"


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([], ""),
        (["Skipped: needs Chromium: apt-get install chromium"], "not run: 1 test needs Chromium"),
        ([JAX, "Skipped: needs pip install jax"], "not run: 2 tests need JAX"),
        ([JAX] + 3 * ["Skipped: needs Node.js"], "not run: 3 tests need Node.js, 1 needs JAX"),
        (["Skipped: needs pip install 'kerasbert[beam]'"], "not run: 1 test needs Apache Beam"),
        (["Skipped: Apache Beam is installed"], "not run: 1 test for other reasons"),
        (["Skipped: reads Linux's /proc", JAX], "not run: 1 test needs JAX, 1 for other reasons"),
    ],
)
def test_what_is_missing_is_counted(reasons, line):
    assert left_out(reasons) == line


@pytest.mark.parametrize("workers", [0, 2])
def test_the_line_stands_at_the_end_of_a_run_with_and_without_workers(tmp_path, workers, request):
    """A run of its own, with this checkout's hook as its only one."""
    hook = (request.config.rootpath / "tests" / "conftest.py").read_text(encoding="utf-8")
    start = hook.index("def pytest_terminal_summary")
    end = hook.index("\n\n\n", start)
    (tmp_path / "conftest.py").write_text(f"from skipped import left_out\n\n\n{hook[start:end]}\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.parametrize('reason', 3 * ['needs Chromium'] + ['needs pip install jax'])\n"
        "def test_one(reason):\n    pytest.skip(reason)\n",
        encoding="utf-8",
    )
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        f"pythonpath={request.config.rootpath / 'tests'}",
        "-n",
        str(workers),
    ]
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True)
    assert "not run: 3 tests need Chromium, 1 needs JAX\n" in done.stdout
