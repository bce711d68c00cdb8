"""Short trainings of a tiny model, each described by a dict, in a process of their own: devices come before TensorFlow.

PYTHONPATH=tests python tests/training/replica_runs.py OUT '{"a name": {"replicas": 2, "accumulate": 2}, ...}'

A case trains the pre-training model or, with `task`, one of `task_runs.MODELS`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from kerasbert.corpus.stepwise import Stepwise

VOCABULARY, LENGTH, SLOTS, PAIRS = 40, 16, 6, 3


class Rows(Stepwise):
    """Random rows; the first half of a batch has no more than one masked word a row, the others up to `SLOTS`.

    Args:
        layout: "pairs", "packed" (several instances a row) or "packed pairs".
        alike: all rows of a batch are the same one.
    """

    def __init__(self, layout: str = "pairs", batch_size: int = 8, alike: bool = False):
        self.layout, self.batch_size, self.alike, self.steps_per_epoch = layout, batch_size, alike, 20

    def batch(self, step, *, shard=(0, 1)):
        chance, size = np.random.default_rng([step, 1]), self.batch_size
        packed, pairs = "packed" in self.layout, "pairs" in self.layout
        batch = {"input_ids": chance.integers(5, VOCABULARY, (size, LENGTH))}
        lengths = chance.integers(8, LENGTH + 1, size)
        place = np.arange(LENGTH)
        real = place < lengths[:, None]
        batch["input_ids"] *= real
        batch["attention_mask"] = real * 1
        batch["token_type_ids"] = ((place % 5) > 2) * real * pairs
        if packed:
            starts = np.stack([np.zeros(size, int), chance.integers(2, 5, size), chance.integers(5, 8, size)], 1)
            used = np.arange(PAIRS) < chance.integers(1, PAIRS + 1, size)[:, None]
            number = ((place >= starts[:, :, None]) & used[:, :, None]).sum(1)
            batch["instance_ids"] = number * real
            batch["position_ids"] = (place - np.take_along_axis(starts, number - 1, 1)) * real
        if pairs and packed:
            batch["nsp_label"] = chance.integers(0, 2, (size, PAIRS)) * used
            batch["cls_positions"] = starts * used
            batch["nsp_weights"] = used.astype("float32")
        elif pairs:
            batch["nsp_label"] = chance.integers(0, 2, size)
        count = np.where(np.arange(size) < size // 2, np.arange(size) % 2, chance.integers(3, SLOTS + 1, size))
        used = np.arange(SLOTS) < count[:, None]
        batch["mlm_positions"] = np.argsort(chance.random((size, 8)))[:, :SLOTS] * used  # all rows are 8 tokens long
        batch["mlm_ids"] = chance.integers(5, VOCABULARY, (size, SLOTS)) * used
        batch["mlm_weights"] = used.astype("float32")
        rows = np.arange(size)[self.part_of(shard)] * (not self.alike) + (size - 1) * self.alike
        return {k: x[rows].astype("float32" if x.dtype == "float32" else "int32") for k, x in batch.items()}


def make_model(layout="pairs", *, dropout=0.0, dtype=None, recompute=False, nsp=None, **config):
    import keras

    from kerasbert import BertConfig, BertEncoder
    from kerasbert.models.pretraining import PretrainingModel

    keras.utils.set_random_seed(3)
    numbers = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": LENGTH,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "initializer_range": 0.2,
    }
    encoder = BertEncoder(BertConfig(**{**numbers, **config}), pooler=True, dtype=dtype)
    nsp = "pairs" in layout if nsp is None else nsp
    return PretrainingModel(encoder, nsp=nsp, recompute=recompute, dtype=dtype)


def make_distiller(loss: str, layout, **options):
    """A student of one block less beside a teacher, for one of the losses of distillation."""
    from kerasbert.models.distilling import RelationDistiller, TripleDistiller

    teacher, student = (make_model(layout, num_hidden_layers=count, **options) for count in (2, 1))
    if loss == "relations":
        return RelationDistiller(student.encoder, teacher.encoder)
    return TripleDistiller(student, teacher)


def make_optimizer(clip=0.5, scale=None):
    import keras

    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=clip)
    if scale:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale, dynamic_growth_steps=6)
    return optimizer


def train(
    strategy, layout="pairs", *, steps=20, rows=8, alike=False, plain=False, evaluate=True, distil=None, **options
) -> dict:
    """Trains, evaluates -> `loss` and, in float16, `scale`, (steps,); all `weights`; `updates`, figures.

    Args:
        distil: a loss of distillation; None: the pre-training model is trained.
    """
    import keras

    from kerasbert.training.distribution import distributed

    compiled = {name: options.pop(name) for name in ("accumulate", "jit_compile") if name in options}
    tuned = {name: options.pop(name) for name in ("clip", "scale") if name in options}
    data, losses, scales = Rows(layout, rows, alike), [], []
    with strategy.scope():
        model = make_distiller(distil, layout, **options) if distil else make_model(layout, **options)
        model.compile(make_optimizer(**tuned), **compiled)
    batches = data.dataset() if plain else distributed(data, strategy, accumulate=compiled.get("accumulate", 1))

    def watch(batch, logs):
        losses.append(float(logs["loss"]))
        if "scale" in tuned:
            scales.append(float(model.optimizer.dynamic_scale.numpy()))

    callbacks = [keras.callbacks.LambdaCallback(on_train_batch_end=watch)]
    with strategy.scope():
        history = model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=callbacks).history
        evaluation = {}
        if evaluate:
            batches = data.dataset() if plain else distributed(data, strategy)
            evaluation["evaluation"] = json.dumps(model.evaluate(batches, steps=3, verbose=0, return_dict=True))
    return {
        "loss": np.array(losses),
        "scale": np.array(scales),
        "updates": int(model.optimizer.iterations.numpy()),
        "weights": np.concatenate([np.asarray(w).ravel() for w in model.get_weights() if w.dtype.kind == "f"]),
        "history": json.dumps({name: values[-1] for name, values in history.items()}),
        **evaluation,
    }


def main(out: str, cases: str) -> None:
    from training.task_runs import train_task

    cases = json.loads(cases)
    strategies = strategies_for({case.get("replicas", 1) for case in cases.values()})
    arrays = {}
    for name, case in cases.items():
        strategy = strategies[case.pop("replicas", 1)]
        task = case.pop("task", None)
        found = train_task(strategy, task, **case) if task else train(strategy, **case)
        arrays |= {f"{name}|{key}": value for key, value in found.items()}
    np.savez(Path(out), **arrays)


def strategies_for(replicas: set) -> dict:
    """By number of replicas; a process of TensorFlow's can have one strategy of several."""
    import keras

    from kerasbert.training.distribution import strategy_named

    if keras.backend.backend() == "jax":
        return {1: strategy_named("one"), 2: strategy_named("auto")}
    if os.environ.get("TF_CONFIG"):
        return {"workers": strategy_named("auto")}
    import tensorflow as tf

    most = max(replicas)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # for few steps it takes longer
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * most
    )
    return {most: strategy_named("mirrored"), 1: strategy_named("one")}


def run(out: Path, cases: dict, **environment: str) -> subprocess.Popen:
    """Starts this file in a process of its own; `results` waits for it."""
    command = [sys.executable, __file__, str(out), json.dumps(cases)]
    tests = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": tests, **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def results(process: subprocess.Popen, timeout: float = 600.0) -> dict[str, dict]:
    """By case: `loss`, `weights` and so on."""
    said, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, said[-4000:]
    return read(process.args[2])


def once(shared, name: str, cases: dict) -> dict[str, dict]:
    """The `results` of cases, trained once whichever worker of a test run asks first.

    Those with 4 replicas have a process of their own: a process can have one strategy of several replicas.
    """
    parts = {"4": {}, "others": {}}
    for key, case in cases.items():
        parts["4" if case.get("replicas") == 4 else "others"][key] = case
    parts = {part: found for part, found in parts.items() if found}

    def make(folder: Path) -> None:
        for process in [run(folder / f"{part}.npz", found) for part, found in parts.items()]:
            results(process, 3600)

    folder = shared(name, make)
    return {key: found for part in parts for key, found in read(folder / f"{part}.npz").items()}


def read(path) -> dict[str, dict]:
    found = {}
    with np.load(path) as arrays:
        for key, value in arrays.items():
            case, name = key.split("|")
            found.setdefault(case, {})[name] = json.loads(str(value)) if value.dtype.kind == "U" else value
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
