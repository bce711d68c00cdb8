"""What native libraries print is dropped for a while, and never for good."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from kerasbert.quiet import LEVEL, quiet


def where() -> str:
    return os.readlink("/proc/self/fd/2")


def test_blocks_may_end_in_any_order(capfd):
    before = where()
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        blocks = [ExitStack() for _ in order]
        for block in blocks:
            block.enter_context(quiet())
            assert where() == "/dev/null"
        for number in order[:-1]:
            blocks[number].close()
            assert where() == "/dev/null"
        blocks[order[-1]].close()
        assert where() == before
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_threads_restore_stderr_between_them():
    before, opened = where(), len(os.listdir("/proc/self/fd"))

    def turns():
        for _ in range(200):
            with quiet():
                pass

    threads = [threading.Thread(target=turns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert where() == before
    assert len(os.listdir("/proc/self/fd")) == opened


# The import of TensorFlow

TENSORFLOW = """
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"I0000 00:00:1.2 3 port.cc:153] oneDNN custom operations are on.\\nE0000 00:00:1.2 3 a.cc:1] broken\\n")
print("level", os.environ.get("TF_CPP_MIN_LOG_LEVEL"), flush=True)
"""
IMPORT = "import kerasbert, os, tensorflow; os.write(2, b'I0000 later\\n')"


def imported(tmp_path, content: str, code: str = IMPORT, **variables) -> subprocess.CompletedProcess:
    """A Python that imports a TensorFlow with this content."""
    (tmp_path / "tensorflow.py").write_text(content)
    environment = {name: value for name, value in os.environ.items() if LEVEL not in name}
    environment |= {"PYTHONPATH": str(tmp_path), **variables}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_information_is_left_out_and_errors_are_not(tmp_path):
    done = imported(tmp_path, TENSORFLOW)
    assert (done.returncode, done.stdout) == (0, "level 1\n")
    assert done.stderr == "E0000 00:00:1.2 3 a.cc:1] broken\nI0000 later\n"


@pytest.mark.parametrize("level", ["0", "1", "3"])
def test_the_users_own_level_counts(tmp_path, level):
    done = imported(tmp_path, TENSORFLOW, **{LEVEL: level})
    assert done.stdout == f"level {level}\n"
    assert len(done.stderr.splitlines()) == 4


def test_a_child_is_as_quiet_as_its_parent(tmp_path):
    code = f"import kerasbert, subprocess, sys; subprocess.run([sys.executable, '-c', {IMPORT!r}])"
    done = imported(tmp_path, TENSORFLOW, code)
    assert (done.stdout, len(done.stderr.splitlines())) == ("level 1\n", 2)


def test_the_last_words_of_an_import_that_ends_the_process_are_heard(tmp_path):
    done = imported(tmp_path, TENSORFLOW + "os.write(2, b'F0000 no AVX'); os.abort()")
    assert done.returncode == -signal.SIGABRT
    assert done.stderr == "E0000 00:00:1.2 3 a.cc:1] broken\nF0000 no AVX"


NO_PROCESS = """
import subprocess
def none(*words, **options):
    raise BlockingIOError(11, "no further process")
subprocess.Popen = none
"""


@pytest.mark.parametrize("before", [NO_PROCESS, "import sys; sys.frozen = True\n", "import sys; sys.stderr = None\n"])
def test_where_no_filter_can_run_the_import_goes_on_without_it(tmp_path, before):
    """In a frozen program `sys.executable` is the program itself, which would start itself again and again."""
    done = imported(tmp_path, TENSORFLOW, before + IMPORT)
    assert (done.returncode, done.stdout) == (0, "level 1\n")
    assert len(done.stderr.splitlines()) == 4


def test_an_import_that_fails_restores_stderr(tmp_path):
    done = imported(tmp_path, "raise ImportError('no such library')")
    assert "ImportError: no such library" in done.stderr


@pytest.mark.slow
def test_the_real_one_is_quiet():
    environment = {name: value for name, value in os.environ.items() if LEVEL not in name}
    code = "import kerasbert as kb; kb.TextClassifier; import tensorflow; tensorflow.ones(2) + 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    assert all(line.startswith("E") for line in done.stderr.splitlines()), done.stderr  # such as a missing driver
