"""What is recorded of a run: lines to read, training.csv, TensorBoard, all with the same numbers."""

import io
import json
import math
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf
from runs.short_runs import small_model

from kerasbert.errors import DataError
from kerasbert.runs import journal as journal_module
from kerasbert.runs.journal import CSV, Journal, every_of, latest, read_csv


class Terminal(io.StringIO):
    def isatty(self):
        return True


def journal_of(folder, *, stream=None, every=2, total=6) -> Journal:
    journal = Journal(folder, every=every, total=total, amount=1000.0, stream=stream or io.StringIO())
    journal.set_model(small_model())
    journal.on_train_begin()
    return journal


def feed(journal: Journal, *found: float) -> None:
    for loss in found:
        logs = {"loss": loss, "mlm_loss": loss, "mlm_accuracy": 1 / loss, "perplexity": math.exp(loss)}
        journal.on_train_batch_end(0, logs)


def test_a_record_is_the_mean_since_the_last_one(tmp_path):
    journal = journal_of(tmp_path)
    feed(journal, 5.0, 4.0, 3.0, 2.5, 2.0, 1.0)
    rows = read_csv(tmp_path)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert [row["loss"] for row in rows] == [4.5, 2.75, 1.5]
    assert rows == journal.rows
    assert (tmp_path / CSV).read_text().splitlines()[0] == (
        "step,seconds,loss,mlm_loss,mlm_accuracy,learning_rate,tokens_per_second"
    )


def test_the_last_step_is_recorded_wherever_it_falls(tmp_path):
    feed(journal_of(tmp_path, every=4), *[3.0] * 6)
    assert [row["step"] for row in read_csv(tmp_path)] == [4, 6]


@pytest.mark.parametrize(("total", "every"), [(1, 1), (9, 1), (20, 2), (99, 9), (100, 10), (5000, 10)])
def test_a_short_run_has_ten_records_if_it_has_ten_steps(total, every):
    assert every_of(total, 10) == every


def test_held_out_figures_stand_in_the_record_of_their_step_or_in_one_of_their_own(tmp_path):
    journal = journal_of(tmp_path)
    feed(journal, 5.0, 4.0)
    journal.add({"val_loss": 4.2}, seconds=0.0)
    feed(journal, 3.0)
    journal.add({"val_loss": 3.2}, seconds=0.0)
    feed(journal, 2.0)
    rows = read_csv(tmp_path)
    assert [(row["step"], row.get("loss"), row.get("val_loss")) for row in rows] == [
        (2, 4.5, 4.2),
        (3, None, 3.2),
        (4, 2.5, None),
    ]
    assert journal.figures() == {
        "loss": 2.5,
        "mlm_loss": 2.5,
        "mlm_accuracy": rows[-1]["mlm_accuracy"],
        "val_loss": 3.2,
    }


def test_a_run_that_goes_on_records_as_if_it_had_not_stopped(tmp_path):
    """Also in the middle of a record, and with records that its checkpoint does not know."""
    found = [5.0, 4.0, 3.0, 2.5, 2.0, 1.0]
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    feed(journal_of(tmp_path / "whole"), *found)
    first = journal_of(tmp_path / "parts")
    feed(first, *found[:3])
    state = first.state()
    feed(first, 9.0, 9.0)
    with (tmp_path / "parts" / CSV).open("a") as file:
        file.write("6,0.1,9")  # killed while it wrote
    second = journal_of(tmp_path / "parts")
    second.restore(3, state)
    second.on_train_begin()
    feed(second, *found[3:])
    compared = ("step", "loss", "mlm_accuracy")
    whole, parts = (
        [[row[name] for name in compared] for row in read_csv(tmp_path / name)] for name in ("whole", "parts")
    )
    assert parts == whole


@pytest.mark.parametrize("stop", [1, 3, 4], ids="stopped after {}".format)
def test_the_record_of_an_epochs_last_step_has_the_means_of_the_epoch(tmp_path, stop):
    """Three steps are an epoch, whether or not the run was stopped in it."""
    options = {"every": 2, "total": 6, "amount": 10.0, "unit": "texts", "epoch": 3, "measured": True}
    journal = Journal(tmp_path, **options, stream=io.StringIO())
    journal.set_model(small_model())
    journal.on_train_begin()
    for step, loss in enumerate([5.0, 4.0, 3.0, 2.5, 2.0, 1.5], 1):
        journal.lap -= 100.0  # as if they had passed
        feed(journal, loss)
        if step % 3 == 0:
            journal.add({"val_loss": loss / 2}, seconds=0.0)
        if step == stop:
            state = json.loads(json.dumps(journal.state()))
            journal = Journal(tmp_path, **options, stream=journal.line.stream)
            journal.set_model(small_model())
            journal.restore(step, state)
            journal.on_train_begin()
    rows = read_csv(tmp_path)
    assert [(row["step"], row["loss"], row.get("epoch_loss")) for row in rows] == [
        (2, 4.5, None), (3, 3.0, 4.0), (4, 2.5, None), (6, 1.75, 2.0),
    ]  # fmt: skip
    seconds = [row["epoch_seconds"] for row in rows if "epoch_seconds" in row]
    assert [300 <= each < 400 for each in seconds] == [True, True]
    assert journal.figures_of(3) == {
        "loss": 4.0,
        "mlm_loss": 4.0,
        "mlm_accuracy": pytest.approx(47 / 180),
        "val_loss": 1.5,
    }
    ends = [line for line in journal.line.stream.getvalue().splitlines() if " s  " in line]
    assert [line.split("  ")[:2] for line in ends] == [
        ["epoch 1/2", f"{seconds[0]:.1f} s"],
        ["epoch 2/2", f"{seconds[1]:.1f} s"],
    ]
    assert journal.events.folder == tmp_path / "run" / "tensorboard"


def test_most_records_are_appended(tmp_path):
    """A long run would write all of them again and again."""
    journal = journal_of(tmp_path, every=1, total=100)
    feed(journal, 5.0, 4.0)
    identity = (tmp_path / CSV).stat().st_ino
    feed(journal, *[3.0] * 50)
    assert (tmp_path / CSV).stat().st_ino == identity
    assert len(read_csv(tmp_path)) == 52


def test_seconds_leave_out_what_measuring_took(tmp_path):
    journal = journal_of(tmp_path)
    feed(journal, 5.0, 4.0)
    journal.add({"val_loss": 1.0}, seconds=100.0)
    journal.lap += -100.0  # as if they had passed
    feed(journal, 3.0, 3.0)
    assert read_csv(tmp_path)[-1]["seconds"] < 50


def test_a_record_that_is_none_is_named(tmp_path):
    (tmp_path / CSV).write_text("step,loss\n1,two\n")
    with pytest.raises(DataError, match=r"training.csv: not the record of a run \(.*two.*\); remove it"):
        read_csv(tmp_path)
    assert read_csv(tmp_path / "none") == []


def test_the_first_lines_tell_the_loss_then_the_speed_and_the_time_left(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "SOON", 0.0)
    stream = io.StringIO()
    feed(journal_of(tmp_path, stream=stream, total=1000), *[5.0] * 30)
    first, second = stream.getvalue().splitlines()  # and no more: this is no terminal
    assert first == "step 1/1,000  mlm_loss 5.0000  mlm_accuracy 0.2000"
    assert re.fullmatch(
        r"step 2/1,000  [\d,]+ tokens/s  (\d+:)?\d+:\d\d left  mlm_loss 5.0000  mlm_accuracy 0.2000", second
    )


def test_a_terminal_has_one_line_that_is_written_anew(tmp_path):
    stream = Terminal()
    feed(journal_of(tmp_path, stream=stream), *[5.0] * 6)
    text = stream.getvalue()
    assert text.startswith("\r\x1b[K")
    assert text.count("\n") == 1
    assert text.rstrip().split("\r\x1b[K")[-1].startswith("step 6/6  ")


def test_tensorboard_has_the_numbers_of_the_record(finished):
    (file,) = (finished.folder / "run" / "tensorboard").iterdir()
    found: dict = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            found.setdefault(event.step, {})[value.tag] = value.simple_value
    for row in read_csv(finished.folder):
        expected = {name: value for name, value in row.items() if name not in ("step", "seconds")}
        assert found.pop(row["step"]) == pytest.approx(expected, rel=1e-6)
    assert found == {}


def test_a_run_shows_its_first_and_last_step_and_what_it_measured(finished):
    lines = finished.stderr.splitlines()
    assert lines[0].startswith("step 1/12  loss 6.")
    assert any(re.match(r"step 12/12  [\d,]+ tokens/s  0:00 left  loss \d", line) for line in lines)
    assert sum("val_loss" in line for line in lines) == 3
    assert len(lines) <= 8


def test_the_speed_is_that_of_the_seconds(finished):
    rows = read_csv(finished.folder)
    tokens = (rows[-1]["step"] - rows[0]["step"]) * 16 * 30  # a row has 30 tokens, about
    assert rows[-1]["tokens_per_second"] == pytest.approx(tokens / (rows[-1]["seconds"] - rows[0]["seconds"]), rel=0.15)


def test_the_last_value_of_each_column_counts():
    assert latest([{"step": 1, "loss": 3.0, "val_loss": 2.0}, {"step": 2, "loss": 1.0}]) == {
        "step": 2,
        "loss": 1.0,
        "val_loss": 2.0,
    }


@pytest.mark.slow
@pytest.mark.parametrize("file", ["training.csv", "run/tensorboard"])
def test_a_full_disk_is_one_line(tmp_path, file):
    """The operating system refuses the write, as it does on a full disk."""
    pytest.importorskip("resource", reason="limits the size of files as POSIX systems do")
    code = """
import resource, sys
from kerasbert.errors import KerasBertError
from runs.test_journal import feed, journal_of
from pathlib import Path
journal = journal_of(Path("."), every=1, total=10_000)
if sys.argv[1] == "training.csv":  # which grows more slowly than the other
    journal.events.write = lambda step, figures: None
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    feed(journal, *[5.0] * 200)
except KerasBertError as error:
    print(error, len(journal.rows))
"""
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(__file__))}
    words = [sys.executable, "-c", code, file]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert re.fullmatch(rf"{file}: writing failed \(File too large\) \d+\n", done.stdout), done.stderr
