"""Which step is the best and when a run ends, by the figures measured: as Keras's own callbacks decide."""

import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasbert.runs.run import Measurement, Run


class Epochs:
    """A model for Keras's callbacks, whose weights are the number of its epoch."""

    stop_training = False

    def __init__(self):
        self.weights = []

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = weights


def by_keras(values, *, better: str, patience: int) -> tuple[int, int]:
    """The epoch whose weights are restored, and the last epoch, both counted from 1."""
    model = Epochs()
    stopping = keras.callbacks.EarlyStopping("val_x", patience=patience, mode=better, restore_best_weights=True)
    stopping.set_model(model)
    stopping.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = [epoch + 1]
        stopping.on_epoch_end(epoch, {"val_x": value})
        if model.stop_training:
            break
    stopping.on_train_end()
    return model.weights[0], epoch + 1


def saved_by_keras(values, *, better: str, folder) -> list[int]:
    """The epochs that ModelCheckpoint(save_best_only=True) writes."""
    checkpoint = keras.callbacks.ModelCheckpoint(
        folder / "{epoch}.weights.h5", "val_x", save_best_only=True, save_weights_only=True, mode=better
    )
    written = []
    model = SimpleNamespace(save_weights=lambda path, overwrite: written.append(int(path.split("/")[-1].split(".")[0])))
    checkpoint.set_model(model)
    for epoch, value in enumerate(values):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"val_x": value})
    return written


def run_over(values, *, better: str, patience: int | None) -> tuple[Run, list[int]]:
    """A run that finds these values one after the other, and the steps at which it was saved as the best."""
    found, saved = iter(values), []
    run = Run(
        SimpleNamespace(stop_training=False),
        checkpoints=None,
        journal=SimpleNamespace(add=lambda figures, seconds: None),
        total=len(values),
        save_every=1,
        save_seconds=1e9,
        measurement=Measurement(
            measure=lambda: {"x": next(found)}, every=1, metric="x", better=better, patience=patience
        ),
        guard=SimpleNamespace(tripped=None),
        max_rollbacks=0,
        chief=True,
    )
    run.save = lambda: saved.append(run.place.step)
    for step in range(1, len(values) + 1):
        run.place.step = step
        run.measure()
        if run.place.ended:
            break
    return run, saved


def sequences() -> list[tuple[list[float], str, int]]:
    """Few different values, so that there are ties."""
    draw = random.Random(0)
    return [
        ([draw.choice([0.1, 0.2, 0.3, 0.4]) for _ in range(draw.randint(1, 9))], better, patience)
        for better in ("min", "max")
        for patience in (1, 2, 3)
        for _ in range(50)
    ]


@pytest.mark.parametrize("better", ["min", "max"])
def test_the_run_ends_and_keeps_as_early_stopping_does(better):
    kept = set()
    for values, direction, patience in sequences():
        if direction == better:
            run, _ = run_over(values, better=better, patience=patience)
            assert (run.place.best, run.place.step) == by_keras(values, better=better, patience=patience), values
            kept.add((run.place.best, run.place.step))
    assert len(kept) > 10  # the sequences differ in what they lead to


@pytest.mark.parametrize("better", ["min", "max"])
def test_the_best_steps_are_those_that_model_checkpoint_saves(better, tmp_path):
    for values, direction, _ in sequences():
        if direction == better:
            _, saved = run_over(values, better=better, patience=None)
            assert saved == saved_by_keras(values, better=better, folder=tmp_path), values


def test_a_figure_that_is_no_number_is_never_better():
    run, saved = run_over([float("nan"), 0.5, float("nan"), 0.25], better="min", patience=None)
    assert (run.place.best, run.place.best_value, run.place.waited) == (4, 0.25, 0)
    assert saved == [1, 2, 4]
    assert run_over([0.5, float("nan"), float("nan"), 0.4], better="min", patience=2)[0].place.step == 3


def test_values_are_compared_in_float32_as_in_keras():
    for values in ([0.1, float(np.float32(0.1))], [0.1, 0.1 + 1e-6]):
        run, _ = run_over(values, better="max", patience=None)
        assert run.place.best == by_keras(values, better="max", patience=9)[0]
    assert run.place.best == 2
