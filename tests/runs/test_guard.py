"""A run that explodes goes back and skips, a bounded number of times; weights that are no numbers are never saved."""

import json
import math
import signal
import threading
from itertools import pairwise

import keras
import numpy as np
import pytest
from runs.short_runs import losses, small_model, train
from safetensors.numpy import load_file

from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import KerasBertError
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.guard import LossGuard, are_finite, caught_signals
from kerasbert.runs.journal import read_csv
from kerasbert.runs.resume import TENSORS, Checkpoints
from kerasbert.tasks.masking import Masking


def guard_of(found) -> LossGuard:
    """One that has seen these losses."""
    guard = LossGuard()
    guard.set_model(small_model())
    guard.on_train_begin()
    for loss in found:
        guard.on_train_batch_end(0, {"loss": loss})
    return guard


@pytest.mark.parametrize(
    ("found", "tripped"),
    [
        ([5.0] * 60, None),
        ([5.0] * 60 + [9.9], None),
        ([5.0] * 60 + [10.1], "the loss became 10.100, where 5.000 is usual,"),
        ([11.0] * 60 + [5.0] * 50 + [10.1], "the loss became 10.100, where 5.000 is usual,"),  # the last 50 count
        ([5.0] * 9 + [100.0], None),  # too few to say what is usual
        ([5.0] * 10 + [100.0], "the loss became 100.000, where 5.000 is usual,"),
        ([0.01] * 60 + [0.9], None),  # a model that knows its data by heart
        ([0.01] * 60 + [1.1], "the loss became 1.100, where 0.010 is usual,"),
        ([math.nan], "the loss became nan"),
        ([5.0, math.inf], "the loss became inf"),
    ],
)
def test_a_loss_far_above_the_usual_or_no_number_trips_the_guard(found, tripped):
    guard = guard_of(found)
    assert guard.tripped == tripped
    assert guard.model.stop_training == (tripped is not None)


def test_what_is_usual_is_kept_with_the_run():
    before, after = guard_of([5.0] * 20), guard_of([])
    after.restore(json.loads(json.dumps(before.state())))
    after.on_train_batch_end(0, {"loss": 11.0})
    assert after.tripped is not None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_weight_that_is_no_number_is_found(value):
    model = small_model()
    assert are_finite(model)
    poison(model.encoder.embeddings.word_table, value)
    assert not are_finite(model)


def poison(variable, value=math.nan) -> None:
    values = np.array(variable)
    values[-1, -1] = value
    variable.assign(values)


class Poison(keras.callbacks.Callback):
    """Spoils the weights behind given steps, each once; counted by what `fit` did, returns included."""

    def __init__(self, *steps: int, table: str = "word"):
        super().__init__()
        self.steps, self.table, self.made = steps, table, 0

    def on_train_batch_end(self, batch, logs=None):
        self.made += 1
        if self.made in self.steps:
            poison(next(v for v in self.model.trainable_variables if f"{self.table}_" in v.path and len(v.shape) == 2))


def test_a_run_goes_back_once_and_on_with_other_batches(prepared, tmp_path, caplog):
    """Poisoned behind step 6, noticed in step 7, which is batch 6: back to step 4, and step 5 is made of batch 7."""
    folder = tmp_path / "run"
    with caplog.at_level("WARNING", "kerasbert"):
        train(prepared(), folder, callbacks=[Poison(6)], keep=100)
    assert "the loss became nan in step 7: back to step 4, and on with batch 7 (1 of 3 times)" in caplog.text
    rows = read_csv(folder)
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert all(math.isfinite(row["loss"]) for row in rows)
    assert all(a["seconds"] < b["seconds"] for a, b in pairwise(rows))

    def of_checkpoint(step: int) -> dict:
        return json.loads((folder / "run" / "checkpoints" / f"step-{step:08d}" / "state.json").read_text())

    assert [(of_checkpoint(step)["position"], of_checkpoint(step)["rollbacks"]) for step in (4, 8, 12)] == [
        (4, 0),
        (11, 1),
        (15, 1),
    ]
    report = json.loads((folder / "report.json").read_text())
    assert report["figures"]["rollbacks"] == 1

    source = PretrainingData(prepared(), batch_size=16, masking=Masking(rate=0.3))
    model = PretrainingModel.from_pretrained(str(folder))
    stored = load_file(folder / "run" / "checkpoints" / "step-00000004" / TENSORS)
    tensors = [stored[f"model/{number}"] for number in range(len(model.variables))]
    for variable, tensor in zip(model.variables, tensors, strict=True):
        variable.assign(tensor)
    expected = float(model.sums_of(source.batch(7))["mlm"]["loss"] / model.weights_of(source.batch(7))["mlm"])
    assert rows[4]["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_weights_that_no_batch_reads_are_not_saved_either(prepared, tmp_path, caplog):
    """Rows of token type 1 do not occur in these data, so the loss stays a number; step 8's weights would not."""
    folder = tmp_path / "run"
    with caplog.at_level("WARNING", "kerasbert"):
        train(prepared(), folder, callbacks=[Poison(5, table="token_type")])
    assert "a weight became no number in step 8: back to step 4, and on with batch 8 (1 of 3 times)" in caplog.text
    assert len(losses(folder)) == 12
    assert all(np.isfinite(np.array(v)).all() for v in PretrainingModel.from_pretrained(str(folder)).weights)


def test_a_run_that_goes_on_exploding_ends_and_its_checkpoints_stay(prepared, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KerasBertError) as caught:
        train(prepared(), folder, learning_rate=1e30, warmup=0, clip_norm=None, max_rollbacks=2)
    assert str(caught.value).endswith(
        " in step 2, and 2 returns to a checkpoint did not help; try half the learning rate, or more warm-up"
    )
    assert [path.name for path in Checkpoints(folder / "run" / "checkpoints").paths()] == ["step-00000000"]
    assert not (folder / "model.safetensors").exists()


@pytest.mark.slow
def test_the_count_of_returns_survives_a_stop(prepared, tmp_path):
    """One return is allowed; it is made before the stop, and the next explosion ends the run."""

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if math.isfinite(logs["loss"]) and (tmp_path / "run" / "run" / "checkpoints" / "step-00000008").exists():
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KerasBertError, match="SIGTERM ended the run"):
        train(prepared(), tmp_path / "run", callbacks=[Poison(6), Stop()], max_rollbacks=1)
    with pytest.raises(KerasBertError, match="and 1 returns to a checkpoint did not help"):
        train(prepared(), tmp_path / "run", callbacks=[Poison(1)], max_rollbacks=1, resume=True)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["word", "token_type"])  # the loss of the second stays a number
def test_a_signal_in_an_exploding_step_does_not_save_it(prepared, tmp_path, table):
    class Terminate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 6:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KerasBertError, match="SIGTERM ended the run; step 5 is saved"):
        train(prepared(), tmp_path / "run", callbacks=[Poison(6, table=table), Terminate()])
    assert train(prepared(), tmp_path / "run", resume=True)["loss"] < 5


def test_signals_are_noted_and_a_second_interrupt_interrupts():
    with caught_signals() as names:
        signal.raise_signal(signal.SIGTERM)
        assert names == ["SIGTERM"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_leave_signals_alone():
    found = []

    def use():
        with caught_signals() as names:
            found.append(names)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [[]]
