"""Training is the same wherever its rows are computed; strategies by name; batches that cannot be split."""

import json
import os
from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf
from runs.ports import free_ports
from training.replica_runs import Rows, once, results, run

from kerasbert.errors import ConfigError
from kerasbert.training.distribution import cluster_size, distributed, strategy_named

ROWS = {"layout": "packed pairs", "steps": 8, "num_hidden_layers": 1}
"""Of every case: what a batch of rows of one instance has, packed rows of pairs have too. With dropout there are two
layers, each of which draws its own."""
DROPOUT = {"dropout": 0.2, "num_hidden_layers": 2}
WAYS = {
    "2 replicas": {"replicas": 2},
    "2 replicas, cut by Keras": {"replicas": 2, "plain": True, "evaluate": False},
    "2 micro-batches": {"accumulate": 2, "evaluate": False},
    "4 micro-batches": {"accumulate": 4, "evaluate": False},
    "2 replicas x 2 micro-batches": {"replicas": 2, "accumulate": 2, "evaluate": False},
}
"""AdamW and 4 replicas are among the cases of `test_every_task`: what applies gradients and adds them is the same."""
XLA = {
    "xla": {},
    "xla, 2 replicas x 2 micro-batches": {"replicas": 2, "accumulate": 2},
}
HALF = {"dtype": "mixed_float16", "scale": 2.0**22, "steps": 16}
OTHERS = {
    "no clipping": {"clip": None},
    "dropout, 4 micro-batches": {**DROPOUT, "accumulate": 4},
    "dropout, 2 replicas x 2 micro-batches, recomputed": {
        **DROPOUT,
        "replicas": 2,
        "accumulate": 2,
        "recompute": True,
    },
    "dropout, one row": {**DROPOUT, "rows": 1, "alike": True, "steps": 1},
    "dropout, the row in 2 micro-batches": {**DROPOUT, "rows": 2, "alike": True, "steps": 1, "accumulate": 2},
    "bfloat16": {"dtype": "mixed_bfloat16"},
    "float16": HALF,
    "float16, 2 replicas": {**HALF, "replicas": 2},
}
OTHERS = {name: {**case, "evaluate": False} for name, case in OTHERS.items()}
DISTILLED = {
    f"{loss}, {way}": {"distil": loss, "layout": "packed", "steps": 4, **WAYS.get(way, {})}
    for loss in ("relations", "triple")
    for way in ("alone", "2 replicas x 2 micro-batches")
}


def assert_same(one: dict, other: dict, tolerance: float = 1e-5) -> None:
    for name in ("loss", "weights"):
        np.testing.assert_allclose(one[name], other[name], atol=tolerance, rtol=tolerance)
    for name in ("history", "evaluation"):
        if name not in one or name not in other:
            continue
        assert one[name] == pytest.approx(other[name], abs=tolerance, rel=10 * tolerance)


@pytest.fixture(scope="module")
def runs(shared):
    return once(
        shared, "runs_of_pretraining", {x: {**ROWS, **case} for x, case in {"alone": {}, **WAYS, **OTHERS}.items()}
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_8_steps_are_the_same(runs, way):
    assert_same(runs["alone"], runs[way])


@pytest.mark.slow
def test_students_learn_the_same_beside_their_teachers(shared):
    """A row has its own number of tokens and of masked words, so replicas differ in their divisors."""
    found = once(shared, "runs_of_distillation", DISTILLED)
    for loss in ("relations", "triple"):
        assert_same(found[f"{loss}, alone"], found[f"{loss}, 2 replicas x 2 micro-batches"])


@pytest.mark.slow
def test_clipping_acts_in_these_runs(runs):
    assert np.abs(runs["alone"]["weights"] - runs["no clipping"]["weights"]).max() > 1e-3


@pytest.mark.slow
def test_dropout_is_a_function_of_seed_step_and_place_recomputed_or_not(runs):
    assert_same(runs["dropout, 4 micro-batches"], runs["dropout, 2 replicas x 2 micro-batches, recomputed"])


@pytest.mark.slow
def test_micro_batches_draw_masks_of_their_own(runs):  # and replicas too, which draw as micro-batches do
    difference = runs["dropout, the row in 2 micro-batches"]["loss"] - runs["dropout, one row"]["loss"]
    assert np.abs(difference) > 1e-3


@pytest.mark.slow
def test_float16_skips_steps_that_overflow_and_scales_the_loss_up_again(runs):
    one, two = runs["float16"], runs["float16, 2 replicas"]
    np.testing.assert_array_equal(one["scale"], two["scale"])
    np.testing.assert_allclose(one["loss"], two["loss"], atol=0.02)
    change = one["scale"][1:] / one["scale"][:-1]
    assert set(change) == {0.5, 1.0, 2.0}
    skipped = int((change == 0.5).sum()) + int(one["scale"][0] < HALF["scale"])
    assert int(one["updates"]) == int(two["updates"]) == HALF["steps"] - skipped
    assert np.isfinite(one["weights"]).all()


@pytest.mark.slow
def test_16_bits_train_much_as_32_do(runs):
    np.testing.assert_allclose(runs["bfloat16"]["loss"], runs["alone"]["loss"], atol=0.15)


@pytest.mark.slow
def test_8_steps_under_xla_are_the_same(runs, tmp_path):
    cases = {name: {**ROWS, **case, "jit_compile": True} for name, case in XLA.items()}
    compiled = results(run(tmp_path / "xla.npz", cases))
    for way in XLA:
        assert_same(runs["alone"], compiled[way])


@pytest.mark.slow
@pytest.mark.cluster
def test_8_steps_in_2_worker_processes_are_the_same(runs, tmp_path):
    cases = {
        "cut by Keras": {"plain": True, "evaluate": False},
        "2 micro-batches": {"accumulate": 2},
        "dropout": {**DROPOUT, "accumulate": 2, "evaluate": False},
    }
    cases = {name: {**ROWS, **case, "replicas": "workers"} for name, case in cases.items()}
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    started = []
    for index in range(2):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        started.append(run(tmp_path / f"{index}.npz", cases, TF_CONFIG=json.dumps(config)))
    for found in map(results, started):
        assert_same(runs["alone"], found["cut by Keras"])
        assert_same(runs["alone"], found["2 micro-batches"])
        assert_same(runs["dropout, 4 micro-batches"], found["dropout"])


@pytest.mark.slow
def test_2_devices_of_jax_train_as_1_does(tmp_path):
    if find_spec("jax") is None:
        pytest.skip("needs pip install jax")
    cases = {
        "1 device": ROWS,
        "2 devices": {**ROWS, "replicas": 2},
        "recomputed": {**ROWS, "replicas": 2, "recompute": True, "evaluate": False},
        "dropout, recomputed": {
            **ROWS,
            "dropout": 0.2,
            "recompute": True,
            "dtype": "mixed_bfloat16",
            "evaluate": False,
        },
        "task": {"task": "two outputs", "rows": 4},
        "task, 2 devices": {"task": "two outputs", "rows": 4, "replicas": 2},
    }
    found = results(
        run(
            tmp_path / "jax.npz",
            cases,
            KERAS_BACKEND="jax",
            JAX_PLATFORMS="cpu",
            XLA_FLAGS=f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2",
        )
    )
    assert_same(found["1 device"], found["2 devices"])
    assert_same(found["1 device"], found["recomputed"])
    assert np.isfinite(found["dropout, recomputed"]["loss"]).all()
    np.testing.assert_allclose(found["task"]["weights"], found["task, 2 devices"]["weights"], atol=1e-6)
    assert found["task"]["moved"] > 1e-3


def test_each_replica_gets_its_rows_of_every_batch():
    data, strategy = Rows("packed pairs"), tf.distribute.get_strategy()
    for step, batch in zip(range(3, 6), distributed(data, strategy, start=3), strict=False):
        for name, values in data.batch(step).items():
            np.testing.assert_array_equal(batch[name], values)


def test_a_batch_that_cannot_be_split_is_refused_before_the_first_step():
    strategy = tf.distribute.get_strategy()
    with pytest.raises(ConfigError, match=r"batch_size 8 .*3 micro-batches; use a multiple of 3"):
        distributed(Rows(), strategy, accumulate=3)


def test_auto_is_one_device_where_there_is_no_more(monkeypatch):
    if len(tf.config.list_physical_devices()) > 1:
        pytest.skip("for a machine without GPU or TPU")
    for name in ("TF_CONFIG", "TPU_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert strategy_named("auto") is strategy_named("one") is tf.distribute.get_strategy()
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}')
    assert strategy_named("auto") is tf.distribute.get_strategy()


def test_a_strategy_that_there_is_not_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match="strategy is 'horovod': use one of auto, one, mirrored, multi-worker, tpu"):
        strategy_named("horovod")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="needs the variable TF_CONFIG on each machine, such as"):
        strategy_named("multi-worker")


CLUSTER = '"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "needs a cluster and a task"),
        ("{" + CLUSTER + "}", "needs a cluster and a task"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "not a list of host:port"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "not a list of host:port"),
        ("{" + CLUSTER + ', "task": {"type": "ps", "index": 0}}', "type is 'ps', not worker or chief"),
        ("{" + CLUSTER + ', "task": {"type": "worker", "index": 2}}', "worker 2, but the cluster has 2"),
        ("{" + CLUSTER + ', "task": {"type": "worker", "index": "0"}}', "worker '0', but the cluster has 2"),
    ],
)
def test_a_tf_config_that_names_no_task_is_refused(monkeypatch, value, reason):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(ConfigError, match="TF_CONFIG is ") as raised:
        strategy_named("auto")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_cluster_counts_its_chief(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{" + CLUSTER + ', "task": {"type": "chief", "index": 0}}')
    assert cluster_size() == 3
