"""The state of a run on disk: kept to the last bit, the right ones removed, none of another model read."""

import numpy as np
import pytest
from runs.short_runs import small_model

from kerasbert.errors import CheckpointError
from kerasbert.runs.resume import Checkpoints


def test_a_checkpoint_keeps_every_variable_to_the_last_bit(tmp_path):
    chance, model = np.random.default_rng(0), small_model()
    for variable in model.variables + model.optimizer.variables:
        variable.assign((100 * chance.normal(size=variable.shape)).astype(variable.dtype))
    saved = [np.array(v) for v in model.variables + model.optimizer.variables]
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(model, 7, {"anything": [0.1, None]})
    other = small_model()
    assert checkpoints.load(other, checkpoints.newest()) == {"anything": [0.1, None]}
    for variable, values in zip(other.variables + other.optimizer.variables, saved, strict=True):
        assert np.array(variable).tobytes() == values.tobytes(), variable.path


def test_the_newest_and_the_best_checkpoints_stay(tmp_path):
    model, checkpoints = small_model(), Checkpoints(tmp_path / "checkpoints", keep=2)
    left = []
    for step, best in ((0, None), (5, 5), (10, 5), (15, 5), (20, 5), (99_999_999, 20), (100_000_000, 20)):
        checkpoints.save(model, step, {"best": best})
        left.append([int(path.name.removeprefix("step-")) for path in checkpoints.paths()])
    assert left == [
        [0],
        [0, 5],
        [5, 10],
        [5, 10, 15],
        [5, 15, 20],
        [20, 99_999_999],
        [20, 99_999_999, 100_000_000],
    ]


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(small_model(), 1, {})
    other = small_model(hidden_size=32)
    with pytest.raises(CheckpointError, match=r"step-00000001: of another model or optimizer; they differ in model/0"):
        checkpoints.load(other, checkpoints.newest())
