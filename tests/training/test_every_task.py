"""The step of every task and of every loss is the same on any number of replicas and of micro-batches."""

import json

import numpy as np
import pytest
from runs.ports import free_ports
from training.replica_runs import once, results, run
from training.task_runs import MODELS

WAYS = {
    "alone": {"evaluate": True},
    "2 micro-batches": {"accumulate": 2},
    "2 replicas": {"replicas": 2},
    "2 replicas x 2 micro-batches": {"replicas": 2, "accumulate": 2, "evaluate": True},
    "4 replicas": {"replicas": 4},
}
"""All with a batch of 5 rows, so that replicas and micro-batches differ in size. 4 replicas x 2 micro-batches are among
`MORE`, with rows for half of them."""
IN_EVERY_WAY = ("two outputs",)
"""Its outputs are a choice per row and one per token. The others share its parts, so one way with all parts serves."""
OTHERS = ("alone", "2 replicas x 2 micro-batches")
ADAMW = {"task": "tokens", "optimizer": "adamw", "steps": 3}
MORE = {
    "3 micro-batches": {"task": "single label", "accumulate": 3},
    "6 micro-batches": {"task": "single label", "accumulate": 6},
    "a row": {"task": "tokens", "rows": 2, "evaluate": True},
    "a row, 2 replicas without any": {"task": "tokens", "rows": 2, "replicas": 4, "accumulate": 2, "evaluate": True},
    "adamw": ADAMW,
    "adamw, 2 replicas x 2 micro-batches": {**ADAMW, "replicas": 2, "accumulate": 2},
    "weighted": {"task": "single label", "targets": "weighted label"},
    "weighted, 2 replicas": {"task": "single label", "targets": "weighted label", "replicas": 2},
    "weighted choices": {"task": "choices", "targets": "weighted choices"},
    "weighted choices, 2 replicas": {"task": "choices", "targets": "weighted choices", "replicas": 2, "accumulate": 2},
    "recomputed, 2 replicas": {"task": "single label", "recompute": True, "replicas": 2},
    "dropout, 2 micro-batches": {"task": "tokens", "dropout": 0.3, "rows": 4, "accumulate": 2},
    "dropout, 2 replicas, recomputed": {"task": "tokens", "dropout": 0.3, "rows": 4, "replicas": 2, "recompute": True},
    "texts, dropout, 2 micro-batches": {"task": "texts", "dropout": 0.3, "rows": 4, "accumulate": 2},
    "texts, dropout, 2 replicas, recomputed": {
        "task": "texts",
        "dropout": 0.3,
        "rows": 4,
        "replicas": 2,
        "recompute": True,
    },
    "float16": {"task": "single label", "dtype": "mixed_float16"},
    "float16, 2 replicas x 2 micro-batches": {
        "task": "single label",
        "dtype": "mixed_float16",
        "replicas": 2,
        "accumulate": 2,
    },
}


def ways_of(name: str) -> tuple[str, ...]:
    return tuple(WAYS) if name in IN_EVERY_WAY else OTHERS


@pytest.fixture(scope="module")
def runs(shared):
    cases = {f"{name}, {way}": {"task": name, **WAYS[way]} for name in MODELS for way in ways_of(name)} | MORE
    return once(shared, "runs_of_every_task", cases)


def assert_same(one: dict, other: dict, tolerance: float = 1e-6) -> None:
    assert one["moved"] > 1e-3
    np.testing.assert_allclose(one["weights"], other["weights"], atol=tolerance, rtol=0)
    for name in ("history", "evaluation"):
        if name in one and name in other:
            assert one[name] == pytest.approx(other[name], abs=10 * tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), [(name, way) for name in MODELS for way in ways_of(name) if way != "alone"])
def test_a_clipped_step_of_5_rows_is_the_same(runs, name, way):
    assert_same(runs[f"{name}, alone"], runs[f"{name}, {way}"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "same_as"),
    [
        ("3 micro-batches", "single label, alone"),
        ("6 micro-batches", "single label, alone"),
        ("a row, 2 replicas without any", "a row"),
        ("adamw, 2 replicas x 2 micro-batches", "adamw"),
        ("weighted, 2 replicas", "weighted"),
        ("weighted choices, 2 replicas", "weighted choices"),
        ("recomputed, 2 replicas", "single label, alone"),
        ("dropout, 2 replicas, recomputed", "dropout, 2 micro-batches"),
        ("texts, dropout, 2 replicas, recomputed", "texts, dropout, 2 micro-batches"),
    ],
)
def test_so_is_a_step_with_other_options(runs, way, same_as):
    assert_same(runs[way], runs[same_as])


@pytest.mark.slow
def test_float16_is_scaled_on_replicas_too(runs):
    assert_same(runs["float16"], runs["float16, 2 replicas x 2 micro-batches"], 2e-3)


@pytest.mark.slow
@pytest.mark.cluster
def test_2_worker_processes_train_and_measure_as_one_does(runs, tmp_path):
    cases = {
        name: {"task": name, "replicas": "workers", "accumulate": 2, "evaluate": True}
        for name in ("single label", "two outputs")
    }
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    started = []
    for index in range(2):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        started.append(run(tmp_path / f"{index}.npz", cases, TF_CONFIG=json.dumps(config)))
    for found in map(results, started):
        for name in cases:
            assert_same(runs[f"{name}, alone"], found[name])
