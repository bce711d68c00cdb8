"""Whole files or none, also where the disk or the place refuses."""

import errno
import os
import subprocess
import sys
from functools import partial

import pytest

from kerasbert import files
from kerasbert.errors import KerasBertError
from kerasbert.files import check_target, held, new_file, new_folder, write_text

SMALL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


def below(folder):
    """Everything under a folder, hidden names included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def build(target, *names, **options):
    with new_folder(target, **options) as building:
        for name in names:
            (building / name).write_text(f"new {name}")


def test_the_folder_appears_whole_when_the_block_ends(place):
    with new_folder(place / "out") as building:
        (building / "a").write_text("x")
        assert not (place / "out").exists()
    assert below(place) == ["out", "out/a"]
    assert (place / "out").stat().st_mode & 0o777 == 0o755


def fail(target, error, **options):
    with new_folder(target, **options) as building:
        (building / "a").write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), KerasBertError("ours")])
def test_a_block_that_fails_leaves_nothing_and_its_error_comes_through(place, error):
    with pytest.raises(type(error)) as caught:
        fail(place / "a" / "b" / "out", error)
    assert caught.value is error
    assert below(place) == []


def test_an_error_of_ours_names_the_folder_that_was_asked_for(place):
    with pytest.raises(KerasBertError) as caught, new_folder(place / "out") as building:
        raise KerasBertError(f"{building / 'vocab.txt'}: writing failed")
    assert str(caught.value) == f"{place / 'out' / 'vocab.txt'}: writing failed"


def test_an_empty_folder_that_is_there_is_filled(place):
    (place / "out").mkdir()
    identity = (place / "out").stat().st_ino
    build(place / "out", "a", "b")
    assert below(place) == ["out", "out/a", "out/b"]
    assert (place / "out").stat().st_ino == identity  # a mount point or the current folder cannot be renamed to


def test_an_empty_folder_stays_empty_when_the_block_fails(place):
    (place / "out").mkdir()
    with pytest.raises(ValueError, match="bug"):
        fail(place / "out", ValueError("bug"))
    assert below(place) == ["out"]


def test_the_current_folder_is_a_target(place, monkeypatch):
    monkeypatch.chdir(place)
    build(".", "a")
    assert os.listdir() == ["a"]


def test_a_folder_with_files_is_refused_before_the_block(place):
    (place / "out").mkdir()
    (place / "out" / "mine").write_text("x")
    with pytest.raises(KerasBertError, match=r"out: the output folder is not empty; name another"):
        build(place / "out", "a")
    assert below(place) == ["out", "out/mine"]


def test_an_update_replaces_files_of_its_names_and_keeps_the_others(place):
    build(place / "out", "a", "b")
    (place / "out" / "notes").write_text("mine")
    (place / "out" / "a").write_text("old")
    build(place / "out", "a", "c", update=True)
    assert below(place) == ["out", "out/a", "out/b", "out/c", "out/notes"]
    assert (place / "out" / "a").read_text() == "new a"
    assert (place / "out" / "notes").read_text() == "mine"


def test_an_update_that_fails_changes_nothing(place):
    build(place / "out", "a")
    with pytest.raises(ValueError, match="bug"):
        fail(place / "out", ValueError("bug"), update=True)
    assert below(place) == ["out", "out/a"]
    assert (place / "out" / "a").read_text() == "new a"


@pytest.mark.parametrize("target", ["file", "file/out"])
def test_a_file_in_the_way_is_named(place, target):
    (place / "file").write_text("x")
    for attempt in (check_target, build):
        with pytest.raises(KerasBertError, match=r"file: is a file; name a folder"):
            attempt(place / target)
    assert below(place) == ["file"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc, where not even root makes files")
def test_a_place_that_cannot_be_written_is_named():
    for attempt in (check_target, build):
        with pytest.raises(KerasBertError, match=r"/proc/out: cannot be written \(.+\); name another output folder"):
            attempt("/proc/out")


def test_too_little_room_is_said_before_the_work(place):
    with pytest.raises(KerasBertError, match=r"MB free on its disk, about 1000000000000 MB needed"):
        check_target(place / "out", megabytes=1e12)


def test_a_full_disk_is_one_line_about_the_target(place):
    with pytest.raises(KerasBertError, match=r"out: writing failed \(No space left on device\)$"):
        fail(place / "out", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert below(place) == []


def test_a_file_missing_elsewhere_is_not_blamed_on_the_target(place):
    with pytest.raises(FileNotFoundError, match="elsewhere"), new_folder(place / "out"):
        (place / "elsewhere").read_text()
    assert below(place) == []


def limited(code: str, folder) -> str:
    """What a process prints that may write 20 kB a file, run in `folder`."""
    pytest.importorskip("resource", reason="limits the size of files as POSIX systems do")
    run = subprocess.run([sys.executable, "-c", SMALL_DISK + code], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_write_that_the_system_stops_leaves_nothing(place):
    code = """
from kerasbert.errors import KerasBertError
from kerasbert.files import new_folder, write_text
def folder():
    with new_folder("out") as building:
        (building / "big").write_text("x" * 100_000)
for attempt in (folder, lambda: write_text("text", "x" * 100_000)):
    try:
        attempt()
    except KerasBertError as error:
        print(error)
"""
    first, second = limited(code, place).splitlines()
    assert first.endswith("out: writing failed (File too large)")
    assert second == "text: writing failed (File too large)"
    assert below(place) == []


def test_weights_that_do_not_fit_on_the_disk_are_our_error(place):
    """safetensors raises a class of its own, which is no OSError."""
    code = """
import numpy, types
from kerasbert.checkpoints import huggingface
from kerasbert.config import BertConfig
from kerasbert.errors import KerasBertError
table = types.SimpleNamespace(path="embeddings/word_embeddings", numpy=lambda: numpy.zeros((100, 100)))
try:
    model = types.SimpleNamespace(config=BertConfig(), weights=[table], tokenizer=None, _flatten_layers=list)
    huggingface.save(model, "out", card=None)
except KerasBertError as error:
    print(error)
"""
    assert "out: the weights could not be written (" in limited(code, place)
    assert below(place) == []


def test_a_text_is_written_whole_or_not_at_all(place):
    write_text(place / "a", "one\ntwo\né")
    assert (place / "a").read_bytes() == "one\ntwo\né".encode()
    with pytest.raises(UnicodeEncodeError):
        write_text(place / "a", "half \ud800")
    with pytest.raises(KerasBertError, match=r"a/b: writing failed \(Not a directory\)"):
        write_text(place / "a" / "b", "x")
    assert below(place) == ["a"]
    assert (place / "a").read_text(encoding="utf-8") == "one\ntwo\né"


# Two processes, and killed ones


HOLD = """
import sys
from kerasbert.files import held, new_file, new_folder
form, target = sys.argv[1:]
with {"folder": new_folder, "held": held, "file": lambda path: new_file(path, alone=True)}[form](target) as building:
    if building is not None:
        (building / "half" if building.is_dir() else building).write_text("half")
    print("holds", flush=True)
    sys.stdin.read()
"""
FORMS = {"folder": new_folder, "held": held, "file": partial(new_file, alone=True)}


def write(form, target):
    with FORMS[form](target) as building:
        if form == "folder":
            (building / "a").write_text("whole")
        elif form == "file":
            building.write_text("whole")


@pytest.mark.parametrize("form", FORMS)
def test_a_second_process_is_told_and_a_killed_one_leaves_nothing(place, form):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, form, place / "out"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "holds\n"
        with pytest.raises(KerasBertError, match=r"out: another process is writing it; wait for it, or name another"):
            write(form, place / "out")
        if form == "folder":
            with pytest.raises(KerasBertError, match="another process is writing it"):
                check_target(place / "out")
        other.kill()
    write(form, place / "out")
    assert below(place) == {"folder": ["out", "out/a"], "held": ["out"], "file": ["out"]}[form]


def test_what_a_killed_process_left_in_an_empty_folder_does_not_count(place):
    (place / "out" / ".out.building").mkdir(parents=True)
    (place / "out" / ".out.building" / "half").write_text("x")
    check_target(place / "out")
    build(place / "out", "a")
    assert below(place) == ["out", "out/a"]


def test_a_folder_that_is_held_loses_half_files_and_goes_if_it_is_empty(place):
    (place / "out" / "shards").mkdir(parents=True)
    for name in (f".a.tfrecord.{'0f' * 16}", ".mine", "whole"):
        (place / "out" / "shards" / name).write_text("x")
    with held(place / "out"):
        assert below(place / "out" / "shards") == [".mine", "whole"]
    with held(place / "a" / "b"):
        assert (place / "a" / "b").is_dir()
        (place / "plain").mkdir()
        assert (place / "a" / "b").stat().st_mode == (place / "plain").stat().st_mode  # others may read it as usual
        (place / "plain").rmdir()
    assert below(place) == ["out", "out/shards", "out/shards/.mine", "out/shards/whole"]


def test_without_locks_a_folder_that_was_left_is_named(place, monkeypatch):
    def missing(descriptor, operation):
        raise OSError(errno.ENOSYS, "")

    monkeypatch.setattr(files.fcntl, "flock", missing)
    build(place / "first", "a")
    (place / ".out.building" / "half").mkdir(parents=True)
    said = r"\.out\.building: another process is writing it or was killed; if it was killed, remove it$"
    with pytest.raises(KerasBertError, match=said):
        build(place / "out", "a")
    assert (place / ".out.building" / "half").is_dir()
    (place / ".out.building" / "half").rmdir()  # as of a process that has written nothing yet
    with pytest.raises(KerasBertError, match=said):
        build(place / "out", "a")
    assert below(place) == [".out.building", "first", "first/a"]


def test_a_folder_that_another_process_filled_after_the_check_is_refused(place, monkeypatch):
    taken = files._take

    def late(path, mode):
        (place / "other").write_text("finished")
        return taken(path, mode)

    monkeypatch.setattr(files, "_take", late)
    with pytest.raises(KerasBertError, match="here: the output folder is not empty"):
        build(place, "other")
    assert below(place) == ["other"]
    assert (place / "other").read_text() == "finished"
