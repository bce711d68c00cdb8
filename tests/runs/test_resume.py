"""A run that was killed or stopped goes on to the last bit; what cannot go on is named."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest
from runs.ports import free_ports
from runs.short_runs import difference, losses, train, weights

from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import CheckpointError, ConfigError, KerasBertError
from kerasbert.runs.begun import Stopped
from kerasbert.runs.resume import STATE, TENSORS, Checkpoints
from kerasbert.tasks.masking import Masking

CODE = """
import json, sys
from runs.test_resume import keep_rows, train
options = json.loads(sys.argv[1])
if fed := options.pop("fed", None):
    keep_rows(fed)
try:
    train(**options)
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""
SETTINGS = {"steps": 40, "save_every": 4, "dropout": 0.1}

AT_FIRST = signal.getsignal(signal.SIGINT)  # ignored where a shell started the tests in the background


def start(data, folder, *, cluster=None, index=0, **options) -> subprocess.Popen:
    """A run in a process of its own; `cluster`: the ports of its workers."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    if cluster:
        hosts = [f"127.0.0.1:{port}" for port in cluster]
        environment["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        )
    arguments = json.dumps({"data": str(data), "folder": str(folder), "resume": True, **SETTINGS, **options})
    return subprocess.Popen(
        [sys.executable, "-c", CODE, arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def keep_rows(fed, patch=setattr) -> None:
    """From now on a file gets a line for each batch that is made: its number, the hash of each row."""
    make = PretrainingData.batch

    def batch(self, step, **where):
        made = make(self, step, **where)
        rows = (b"".join(made[name][row].tobytes() for name in sorted(made)) for row in range(len(made["input_ids"])))
        with open(fed, "a") as file:
            print(json.dumps([step, [hashlib.sha256(row).hexdigest() for row in rows]]), file=file)
        return made

    patch(PretrainingData, "batch", batch)


def wait_for_step(process: subprocess.Popen, folder: Path, step: int) -> None:
    """Until training.csv has that step's record."""
    until = time.monotonic() + 240
    while len(losses(folder)) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"step {step} never came"
        time.sleep(0.01)


def ended(*processes: subprocess.Popen) -> None:
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, out + err


@pytest.fixture(scope="module")
def uninterrupted(prepared, tmp_path_factory):
    """40 steps with dropout, in this process."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    train(prepared(), folder, **SETTINGS)
    return folder


@pytest.mark.slow
def test_a_run_killed_and_stopped_twice_is_the_uninterrupted_run_to_the_last_bit(prepared, uninterrupted, tmp_path):
    """Killed before its second checkpoint and between two later ones; stopped far from any, by each signal. Each part
    is a process, and the last one is this."""
    folder = tmp_path / "run"
    for step, number, every in (
        (3, signal.SIGKILL, 4),
        (10, signal.SIGTERM, 1000),
        (17, signal.SIGINT, 1000),
        (26, signal.SIGKILL, 4),
    ):
        process = start(prepared(), folder, save_every=every)
        wait_for_step(process, folder, step)
        process.send_signal(number)
        out, _ = process.communicate(timeout=120)
        if number == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL
            continue
        assert process.returncode == 1
        saved = len(losses(folder))
        assert out == f"Stopped {number.name} ended the run; step {saved} is saved, --resume goes on there\n"
        assert (folder / "run" / "checkpoints" / f"step-{saved:08d}").is_dir()
    train(prepared(), folder, resume=True, **SETTINGS)
    assert len(losses(folder)) == 40
    assert losses(folder) == losses(uninterrupted)
    assert weights(folder) == weights(uninterrupted)


@pytest.mark.slow
def test_a_run_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(prepared, uninterrupted, tmp_path):
    """The third checkpoint is cut off in the middle; what is left of it is never taken for one, and is removed."""
    kill = """
import os, signal
from kerasbert import files
save, saved = files.save_file, []
def save_half(tensors, path, metadata):
    save(tensors, path, metadata)
    saved.append(path)
    if len(saved) == 3:
        os.truncate(path, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
files.save_file = save_half
"""
    folder = tmp_path / "run"
    arguments = {"data": str(prepared()), "folder": str(folder), **SETTINGS}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", kill + CODE, json.dumps(arguments)], env=environment, text=True)
    assert done.returncode == -signal.SIGKILL
    checkpoints = folder / "run" / "checkpoints"
    assert [path.name for path in Checkpoints(checkpoints).paths()] == ["step-00000000", "step-00000004"]
    assert len(list(checkpoints.glob(".step-*"))) == 1
    train(prepared(), folder, resume=True, **SETTINGS)
    assert not list(checkpoints.glob(".step-*"))
    assert losses(folder) == losses(uninterrupted)
    assert weights(folder) == weights(uninterrupted)


def fed_rows(*files: Path) -> dict[int, list[str]]:
    """Batch -> hashes of its rows, put together of what the workers were fed."""
    shares = [dict(map(json.loads, file.read_text().splitlines())) for file in files]
    return {step: [row for share in shares for row in share[step]] for step in set.intersection(*map(set, shares))}


@pytest.mark.slow
@pytest.mark.cluster
def test_two_workers_go_on_with_what_one_began(prepared, tmp_path, monkeypatch):
    """The same batches in the same order, half of each to each worker, the losses equal; one of them writes."""
    one, two = tmp_path / "one", tmp_path / "two"
    settings = {"steps": 16, "dropout": 0.0}
    with pytest.raises(Stopped, match="step 6 is saved"):
        train(prepared(), two, callbacks=[Stop(5, signal.SIGTERM)], **settings)
    cluster = free_ports(2)
    workers = [
        start(prepared(), two, cluster=cluster, index=i, fed=str(tmp_path / f"fed{i}"), **settings) for i in range(2)
    ]
    ended(*workers)
    keep_rows(tmp_path / "fed", monkeypatch.setattr)
    train(prepared(), one, **settings)
    alone, together = fed_rows(tmp_path / "fed"), fed_rows(tmp_path / "fed0", tmp_path / "fed1")
    assert set(range(6, 16)) <= set(together)
    assert all(together[step] == alone[step] for step in range(6, 16))
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    assert difference(one, two) < 1e-4
    assert len(list((two / "run" / "tensorboard").iterdir())) == 2  # of the run that was stopped and of the chief


@pytest.mark.slow
@pytest.mark.cluster
def test_a_worker_that_loses_the_other_says_so_and_its_checkpoints_stay(prepared, tmp_path):
    folder, cluster = tmp_path / "run", free_ports(2)
    settings = {"steps": 400, "dropout": 0.0, "save_every": 5}
    chief, other = (start(prepared(), folder, cluster=cluster, index=index, **settings) for index in range(2))
    wait_for_step(chief, folder, 6)
    other.kill()
    out, err = chief.communicate(timeout=200)
    other.communicate()
    assert chief.returncode == 1, err
    assert out.startswith("KerasBertError another worker does not answer ("), out + err
    assert out.endswith("start all of them again with --resume\n")
    assert Checkpoints(folder / "run" / "checkpoints").newest() is not None


@pytest.mark.slow
@pytest.mark.cluster
def test_workers_that_see_different_folders_are_told(prepared, tmp_path):
    train(prepared(), tmp_path / "a", steps=16, dropout=0.0, callbacks=[Stop(5)], resume=True)
    cluster = free_ports(2)
    workers = [
        start(prepared(), tmp_path / name, cluster=cluster, index=index, steps=16, dropout=0.0)
        for index, name in enumerate("ab")
    ]
    for worker, step in zip(workers, (5, 0), strict=True):
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 1, out + err
        assert f"this worker would begin at step {step}, another one elsewhere" in out


class Stop(keras.callbacks.Callback):
    """Sends this process a signal, or ends the run, after so many steps."""

    def __init__(self, after: int, number=None):
        super().__init__()
        self.after, self.number, self.steps = after, number, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.after:
            if self.number is None:
                self.model.stop_training = True
            else:
                signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def begun(prepared, tmp_path_factory):
    """A run of 12 steps that was stopped behind the fifth: for reading, a test that goes on copies it."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    with pytest.raises(Stopped, match=r"^SIGTERM ended the run; step 6 is saved, --resume goes on there$"):
        train(prepared(), folder, callbacks=[Stop(5, signal.SIGTERM)], save_every=4)
    return folder


@pytest.fixture
def again(begun, tmp_path):
    return Path(shutil.copytree(begun, tmp_path / "again"))


def names(folder: Path) -> list[int]:
    """The steps whose checkpoints are there."""
    return [int(path.name.removeprefix("step-")) for path in Checkpoints(folder / "run" / "checkpoints").paths()]


def test_a_stopped_run_holds_its_checkpoints_and_no_model(begun):
    assert names(begun) == [4, 6]
    assert {path.name for path in begun.iterdir()} == {"run", "training.csv"}
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is AT_FIRST


@pytest.mark.parametrize("how", [{"accumulate": 2}, {"log_every": 3, "save_every": 100, "keep": 1}], ids=str)
def test_what_may_change_on_the_way(again, prepared, how):
    train(prepared(), again, resume=True, **how)
    assert names(again)[-1] == 12
    assert json.loads((again / "report.json").read_text())["figures"]["step"] == 12


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 8}, "recipe batch_size 16, now 8"),
        ({"learning_rate": 1e-3}, "recipe learning_rate 0.003, now 0.001"),
        ({"steps": 24}, "recipe steps 12, now 24"),
        ({"recipe": "roberta"}, "recipe source "),
        ({"seed": 1}, "seed 0, now 1"),
        ({"size": "mini"}, "model hidden_size 128, now 256"),
        ({"model_type": "roberta"}, "model model_type 'bert', now 'roberta'"),
        ({"positions": 64}, "model max_position_embeddings 32, now 64"),
        ({"precision": "bf16"}, "precision 'float32', now 'bf16'"),
        ({"masking": Masking(rate=0.2)}, "masking rate 0.3, now 0.2"),
        ({"buckets": [16]}, "buckets [32], now [16, 32]"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_must_stay_the_same_is_named(begun, prepared, change, named):
    with pytest.raises(ConfigError) as caught:
        train(prepared(), begun, resume=True, **change)
    message = str(caught.value)
    assert f"settings.json: begun with {named}" in message
    assert "--resume wants the same" in message
    assert "\n" not in message
    assert names(begun) == [4, 6]


def test_other_data_are_refused(begun, prepared):
    with pytest.raises(ConfigError, match=r"settings.json: begun with data rows [0-9]+, now [0-9]+"):
        train(prepared(seed=2), begun, resume=True)


def test_a_run_is_not_written_over(begun, prepared):
    with pytest.raises(KerasBertError, match="run: holds a run; --resume goes on with it, or name another --out"):
        train(prepared(), begun)


def test_a_broken_checkpoint_is_named_with_the_mend_and_the_one_before_serves(again, prepared):
    newest = again / "run" / "checkpoints" / "step-00000006"
    (newest / TENSORS).write_bytes((newest / TENSORS).read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"step-00000006: not a whole checkpoint \(.*remove it to use the one"):
        train(prepared(), again, resume=True)
    (newest / STATE).write_text("{")
    with pytest.raises(CheckpointError, match=r"step-00000006: not a whole checkpoint"):
        train(prepared(), again, resume=True)
    shutil.rmtree(newest)
    train(prepared(), again, resume=True, steps=12)
    assert len(losses(again)) == 12


def test_a_broken_record_of_the_settings_is_named(again, prepared):
    (again / "run" / "settings.json").write_text("[")
    with pytest.raises(KerasBertError, match=r"settings.json: not readable \(.*\), so the run cannot go on"):
        train(prepared(), again, resume=True)


def test_a_run_killed_before_its_first_checkpoint_begins(again, prepared):
    shutil.rmtree(again / "run" / "checkpoints")
    train(prepared(), again, resume=True, steps=12)
    assert len(losses(again)) == 12


def test_a_finished_run_is_written_again_without_a_step(finished, tmp_path, caplog):
    folder = Path(shutil.copytree(finished.folder, tmp_path / "copy"))
    for name in ("model.safetensors", "report.json", "curves.png"):
        (folder / name).unlink()
    with caplog.at_level("INFO", "kerasbert"):
        figures = train(finished.data, folder, dev=finished.dev, resume=True)
    assert "all 12 steps are made; writing the model" in caplog.text
    assert figures == finished.figures
    assert weights(folder) == weights(finished.folder)
    assert json.loads((folder / "report.json").read_text())["figures"]["step"] == 12


@pytest.mark.slow
def test_time_makes_checkpoints_too(prepared, tmp_path):
    train(prepared(), tmp_path / "run", steps=3, save_every=1000, save_minutes=1e-6, keep=9)
    assert names(tmp_path / "run") == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_callback_with_a_state_goes_on_with_it(prepared, tmp_path):
    class Sum(keras.callbacks.Callback):
        total = 0.0

        def on_train_batch_end(self, batch, logs=None):
            self.total += logs["loss"]

        def state(self):
            return {"total": self.total}

        def restore(self, state):
            self.total = state["total"]

    with pytest.raises(Stopped):
        train(prepared(), tmp_path / "run", callbacks=[Sum(), Stop(5, signal.SIGTERM)])
    found = Sum()
    train(prepared(), tmp_path / "run", callbacks=[found, Stop(100)], resume=True)
    assert found.total == pytest.approx(sum(losses(tmp_path / "run")), rel=1e-6)
