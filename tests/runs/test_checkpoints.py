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


def test_the_checkpoints_of_a_mean_stay_and_others_between_them_do_not_count(tmp_path):
    """An epoch has 4 steps, and 3 epochs are averaged. The best is epoch 3, until epoch 6 is."""
    model, checkpoints = small_model(), Checkpoints(tmp_path / "checkpoints", keep=1, epoch=4, average=3)
    left = {}
    for step in (2, 4, 8, 12, 14, 16, 20, 22, 24, 28):
        checkpoints.save(model, step, {"best": min(step // 4 * 4, 12) or None if step < 24 else 24})
        left[step] = [int(path.name.removeprefix("step-")) for path in checkpoints.paths()]
    assert left[14] == [4, 8, 12, 14]
    assert left[22] == [4, 8, 12, 16, 20, 22]
    assert left[28] == [16, 20, 24, 28]
    assert checkpoints.averaged(8) == [4, 8]
    assert checkpoints.averaged(24) == [16, 20, 24]


def test_the_mean_of_checkpoints_is_that_of_their_weights(tmp_path):
    chance, model, every = np.random.default_rng(0), small_model(), []
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3, average=3)
    for step in (1, 2, 3):
        for weight in model.weights:
            weight.assign(chance.normal(size=weight.shape))
        every.append([np.array(weight) for weight in model.weights])
        checkpoints.save(model, step, {})
    checkpoints.load_mean(model, [1, 2, 3])
    for weight, *values in zip(model.weights, *every, strict=True):
        np.testing.assert_allclose(weight, np.mean(values, axis=0, dtype="float64"), rtol=1e-6)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(small_model(), 1, {})
    other = small_model(hidden_size=32)
    with pytest.raises(CheckpointError, match=r"step-00000001: of another model or optimizer; they differ in model/0"):
        checkpoints.load(other, checkpoints.newest())
