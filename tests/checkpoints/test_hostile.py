"""Damaged and hostile checkpoints: one clear line for each, at once; no code runs, and nothing is written."""

import pickle
import shutil
import subprocess
import sys
import time
import tracemalloc

import pytest
from checkpoints.hostile_cases import CANARY, CASES, code_cases
from checkpoints.hostile_pickles import attacks

from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import KerasBertError

ALL = CASES | code_cases(CANARY)
SECONDS, MEGABYTES = 5, 100
"""More than any case takes: most take 5 ms and a few megabytes. Counting the memory makes the slowest take 2 s."""
NEEDS_TORCH = ("behind a name of torch", "among tensors")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """`good(make)` -> the good folder that `make` makes, once."""
    made = {}

    def folder(make):
        if make not in made:
            made[make] = tmp_path_factory.mktemp("good") / "model"
            make(made[make])
        return made[make]

    return folder


def test_the_cases_are_as_many_as_the_formats_need():
    assert len(CASES) >= 40
    assert len(ALL) - len(CASES) == 22


@pytest.mark.parametrize("make", dict.fromkeys(make for make, _, _ in CASES.values()), ids=lambda make: make.__name__)
def test_the_folders_are_good_before_something_is_done_to_them(make, good, tmp_path):
    folder = good(make)
    convert(folder, tmp_path / "out", to="hf")
    assert open_checkpoint(tmp_path / "out").shapes == open_checkpoint(folder).shapes


@pytest.mark.parametrize("name", ALL)
def test_one_line_says_what_is_wrong_and_nothing_is_written(name, good, tmp_path, monkeypatch):
    make, change, said = ALL[name]
    folder = tmp_path / "model"
    shutil.copytree(good(make), folder)
    change(folder)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)  # where the code of a pickle would make the canary
    began = time.monotonic()
    tracemalloc.start()  # the process may have had far more memory before
    try:
        with pytest.raises(KerasBertError, match=said) as raised:
            convert(folder, tmp_path / "out", to="hf")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(raised.value)
    assert str(folder) in message
    assert message.isprintable()
    assert len(message) < 1000
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert time.monotonic() - began < SECONDS
    assert most < MEGABYTES * 1e6


def test_no_format_needs_tensorflow_or_torch(good, tmp_path):
    folders = [good(make) for make in dict.fromkeys(make for make, _, _ in CASES.values())]
    code = """
import sys
from kerasbert.checkpoints.convert import convert
from kerasbert.runs.describe import describe
out, *folders = sys.argv[1:]
for number, folder in enumerate(folders):
    describe(folder)
    for to in ("hf", "tf1"):
        convert(folder, f"{out}/{to}{number}", to=to)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path, *folders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "keras", "torch"} & set(done.stdout.split())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", [name for name in attacks("") if name not in NEEDS_TORCH])
def test_the_code_would_run_in_pickle(name, tmp_path, monkeypatch):
    """The canary is no dead bird."""
    monkeypatch.chdir(tmp_path)
    content, _ = attacks(f"touch {CANARY}")[name]
    pickle.loads(content)
    assert (tmp_path / CANARY).exists()
