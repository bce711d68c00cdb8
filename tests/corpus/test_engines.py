"""The same bytes whoever prepares them and however often it was killed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from corpus.corpora import SMALL, VOCABULARY, contents, generated_documents, write_corpus

from kerasbert.corpus.index import Index
from kerasbert.corpus.pipelines import beam_engine, prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError, KerasBertError, MissingDependency

needs_beam = pytest.mark.skipif(find_spec("apache_beam") is None, reason="needs pip install 'kerasbert[beam]'")
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs pip install 'kerasbert[dask]'")
beams_warnings = pytest.mark.filterwarnings("ignore")


def in_another_process(code: str, *arguments, **options) -> subprocess.CompletedProcess:
    head = "import sys\nfrom kerasbert.corpus.pipelines import prepare\n"
    head += "from kerasbert.corpus.preparation import Settings\n"
    head += f"VOCABULARY, SMALL = {str(VOCABULARY)!r}, {SMALL!r}\n"
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


@pytest.mark.slow
@pytest.mark.cluster
def test_several_workers_make_the_same_bytes(corpus, tmp_path, expected):
    prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm-nsp", **SMALL), workers=3)
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@pytest.mark.cluster
@needs_beam
@beams_warnings
@pytest.mark.parametrize(
    "options", [("--direct_num_workers=1",), ("--direct_num_workers=2", "--direct_running_mode=multi_processing")]
)
def test_beam_makes_the_same_bytes(corpus, tmp_path, expected, options):
    settings = Settings(mode="mlm-nsp", **SMALL)
    engine = beam_engine("DirectRunner", options)
    prepare([os.path.relpath(corpus)], VOCABULARY, tmp_path / "data", settings=settings, engine=engine)
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@needs_beam
@beams_warnings
def test_wrong_text_is_one_line_through_beam_too_and_the_next_call_goes_on(tmp_path):
    folder = write_corpus(tmp_path / "texts", generated_documents(60))
    content = (folder / "b.txt").read_bytes()
    (folder / "b.txt").write_bytes(content[:-30] + b"\xff" + content[-29:])
    arguments = [folder], VOCABULARY, tmp_path / "data"
    with pytest.raises(DataError, match=r"^[^\n]*b\.txt, line \d+: byte 0xff is not UTF-8[^\n]*$"):
        prepare(*arguments, settings=Settings(**SMALL), engine=beam_engine())
    settings = Settings(errors="replace", **SMALL)
    prepare(*arguments, settings=settings, engine=beam_engine())
    prepare([folder], VOCABULARY, tmp_path / "plain", settings=settings)
    assert contents(tmp_path / "data") == contents(tmp_path / "plain")


DIES_WHILE_WRITING = """
import os, signal
def dask_setup(worker):
    from kerasbert.corpus import preparation
    write = preparation.write_records
    def write_and_be_killed(path, examples):
        write(path, examples)
        os.kill(os.getpid(), signal.SIGKILL)
    preparation.write_records = write_and_be_killed
"""


@contextmanager
def dask_cluster(folder: Path, *preloads: str) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler and one worker process for each text of Python, which the worker runs first.

    Yields the scheduler's address and the workers, when all have met.
    """
    processes: list[subprocess.Popen] = []

    def start(kind: str, *options) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{kind}", "--no-dashboard", *map(str, options)]
        with open(folder / f"{len(processes)}.log", "wb") as log:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def wait_for(words: str) -> str:
        """The rest of the line in the newest process's log that has these words."""
        log, until = folder / f"{len(processes) - 1}.log", time.monotonic() + 240
        while not (found := re.search(rf"{words}: +(\S+)", log.read_text())):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        return found[1]

    try:
        start("dask_scheduler", "--host", "127.0.0.1", "--port", 0)
        address = wait_for("Scheduler at")
        for number, code in enumerate(preloads):
            preload = folder / f"preload{number}.py"
            preload.write_text(code)
            options = ["--no-nanny", "--nthreads", 1, "--local-directory", folder / "scratch", "--preload", preload]
            start("dask_worker", address, *options)
            wait_for("Registered to")
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.cluster
@needs_dask
def test_dask_makes_the_same_bytes_with_two_workers_of_which_one_is_killed_while_it_writes(corpus, tmp_path, expected):
    words = [corpus, "--vocab", VOCABULARY, "--mode", "mlm-nsp", "--out", tmp_path / "data"]
    words += ["--max-length", 32, "--slice-mb", 1500 / 2**20, "--documents", "blank-lines"]
    with dask_cluster(tmp_path, DIES_WHILE_WRITING, "") as (address, (mortal, other)):
        words += ["--runner", "DaskRunner", f"--beam=--dask_client_address={address}"]
        command = [sys.executable, "-m", "kerasbert.cli", "prepare", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr
        assert mortal.poll() == -signal.SIGKILL
        assert other.poll() is None
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@needs_dask
@beams_warnings
def test_a_cluster_that_does_not_answer_is_one_line(corpus, tmp_path):
    engine = beam_engine("DaskRunner", ["--dask_client_address=tcp://127.0.0.1:9", "--dask_connection_timeout=1"])
    message = r"^[^\n]*DaskRunner failed: Timed out trying to connect to tcp://127.0.0.1:9 after 1 s[^\n]*$"
    with pytest.raises(KerasBertError, match=message):
        prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL), engine=engine)


@pytest.mark.slow
@needs_beam
@beams_warnings
def test_a_runner_that_beam_does_not_know_is_one_line():
    with pytest.raises(ConfigError, match=r"^--runner NoRunner: Unexpected pipeline runner[^\n]*$"):
        beam_engine("NoRunner")


@pytest.mark.skipif(find_spec("distributed") is not None, reason="Dask is installed")
@needs_beam
@beams_warnings
def test_dask_that_is_not_installed_is_named_with_its_extra():
    with pytest.raises(MissingDependency, match=r"--runner DaskRunner .*pip install 'kerasbert\[dask\]'"):
        beam_engine("DaskRunner")


@pytest.mark.skipif(find_spec("apache_beam") is not None, reason="Apache Beam is installed")
def test_beam_that_is_not_installed_is_named_with_its_extra():
    with pytest.raises(MissingDependency, match=r"pip install 'kerasbert\[beam\]'"):
        beam_engine()


KILLED_WHILE_WRITING = """
import os, signal
from kerasbert.corpus import preparation
corpus, out, before = sys.argv[1], sys.argv[2], int(sys.argv[3])
write, written = preparation.write_records, 0
def write_and_be_killed(path, examples):
    global written
    places = write(path, examples)
    written += 1
    if written > before:
        os.kill(os.getpid(), signal.SIGKILL)
    return places
preparation.write_records = write_and_be_killed
prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
"""


@pytest.mark.slow
def test_a_run_killed_while_it_writes_goes_on_with_the_next_shard(corpus, tmp_path, expected):
    out = tmp_path / "data"
    done = in_another_process(KILLED_WHILE_WRITING, corpus, out, 7)
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = {path: path.stat().st_mtime_ns for path in (out / "shards").glob("[0-9]*.tfrecord")}
    assert len(finished) == 7
    with pytest.raises(DataError, match=r"no index\.json, so no whole prepared data; the same `kerasbert prepare`"):
        Index.read(out)
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


KILLED_WITH_WORKERS = """
import multiprocessing, os, signal
settings = Settings(mode="mlm-nsp", **SMALL)
def kill_one(shards, done, total):
    for process in multiprocessing.active_children()[:1]:
        os.kill(process.pid, signal.SIGKILL)
def be_killed(shards, done, total):
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    for progress in (kill_one, be_killed):
        try:
            prepare(sys.argv[1:2], VOCABULARY, sys.argv[2], settings=settings, workers=2, progress=progress)
        except Exception as error:
            print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_worker_that_is_killed_is_one_line_and_a_killed_run_takes_its_workers_along(corpus, tmp_path, expected):
    """The second run goes on from the first, and this process from both."""
    out = tmp_path / "data"
    done = in_another_process(KILLED_WITH_WORKERS, corpus, out)
    assert done.returncode == -signal.SIGKILL, done.stderr
    line, pids = done.stdout.splitlines()
    assert line.startswith("KerasBertError ")
    assert "a worker was killed, for want of memory perhaps; the same call goes on from here" in line
    workers = [Path("/proc") / pid for pid in pids.split()]
    assert len(workers) == 2
    until = time.monotonic() + 30
    while any(worker.exists() and "zombie" not in (worker / "status").read_text() for worker in workers):
        assert time.monotonic() < until, "a worker lives on"
        time.sleep(0.1)
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected


FULL_DISK = """
import resource
def fill_disk(shards, done, total):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))
try:
    prepare([sys.argv[1]], VOCABULARY, sys.argv[2], settings=Settings(mode="mlm-nsp", **SMALL), progress=fill_disk)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_next_call_goes_on(corpus, tmp_path, expected):
    out = tmp_path / "data"
    done = in_another_process(FULL_DISK, corpus, out)
    assert done.stdout.startswith("KerasBertError"), done.stderr
    assert "tfrecord: writing failed (" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert len(list((out / "shards").glob("*.tfrecord"))) == 1
    assert not [path for path in (out / "shards").iterdir() if path.name.startswith(".")]
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected
