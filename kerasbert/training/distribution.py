"""Strategies by name, and each replica's share of every batch.

```python
strategy = strategy_named("auto")
with strategy.scope():                            # on JAX also around fit
    model = PretrainingModel(BertEncoder(config))
    model.compile(optimizer)
model.fit(distributed(data, strategy), steps_per_epoch=data.steps_per_epoch)
```

On TensorFlow a strategy is one of `tf.distribute`'s; on JAX it is a `keras.distribution.DataParallel`.
"""

import json
import os

import keras

from kerasbert.errors import ConfigError

BACKEND = keras.backend.backend()
TENSORFLOW = BACKEND == "tensorflow"
if TENSORFLOW:
    import tensorflow as tf
elif BACKEND == "jax":
    import jax

STRATEGIES = ("auto", "one", "mirrored", "multi-worker", "tpu")
EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


def strategy_named(name: str = "auto"):
    """A strategy for the devices that there are. Call it before TensorFlow does anything else: workers connect first.

    Args:
        name: "one" device; "mirrored", all GPUs of this machine; "multi-worker", all GPUs of the machines in TF_CONFIG;
            "tpu"; "auto": the first of multi-worker, tpu, mirrored and one that there is more than one device,
            or a TPU, for. On JAX "auto", all devices, or "one".

    Raises:
        ConfigError: an unknown name, a TF_CONFIG that names no cluster, no TPU.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"strategy is {name!r}: use one of {', '.join(STRATEGIES)}")
    if not TENSORFLOW:
        return _data_parallel(name)
    if name == "auto":
        name = _found()
    if name == "multi-worker":
        cluster_size()
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return _tpu() if name == "tpu" else tf.distribute.get_strategy()


def _found() -> str:
    if os.environ.get("TF_CONFIG") and cluster_size() > 1:
        return "multi-worker"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one"


def cluster_size() -> int:
    """How many workers TF_CONFIG lists; it is what `MultiWorkerMirroredStrategy` reads.

    Raises:
        ConfigError: it is not set, not JSON, or names no cluster and a task of it.
    """
    text = os.environ.get("TF_CONFIG")

    def wrong(reason: str) -> ConfigError:
        return ConfigError(
            f"TF_CONFIG is {text!r}: {reason}; set it as in {EXAMPLE}, with another index on each machine"
        )

    if not text:
        raise ConfigError(f"strategy multi-worker needs the variable TF_CONFIG on each machine, such as {EXAMPLE}")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise wrong(f"not JSON ({error})") from None
    cluster, task = (config.get(key) if isinstance(config, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise wrong("it needs a cluster and a task")
    workers = {kind: cluster.get(kind, []) for kind in ("chief", "worker")}
    for kind, hosts in workers.items():
        if not isinstance(hosts, list) or not all(isinstance(host, str) and ":" in host for host in hosts):
            raise wrong(f"its cluster's {kind} is {hosts!r}, not a list of host:port")
    kind, index = task.get("type"), task.get("index")
    if kind not in workers:
        raise wrong(f"its task's type is {kind!r}, not worker or chief")
    if not isinstance(index, int) or not 0 <= index < len(workers[kind]):
        raise wrong(f"its task is {kind} {index!r}, but the cluster has {len(workers[kind])} of them, counted from 0")
    return sum(map(len, workers.values()))


def _tpu():
    """Written by the book (tensorflow.org/guide/tpu) and never run: no TPU has been at hand."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"strategy is 'tpu': none found ({reason}); set TPU_NAME, or use auto") from None
    return tf.distribute.TPUStrategy(resolver)


def _data_parallel(name: str):
    if name not in ("auto", "one"):
        raise ConfigError(f"strategy is {name!r}: on {BACKEND} use auto or one")
    devices = keras.distribution.list_devices()
    return keras.distribution.DataParallel(devices=devices if name == "auto" else devices[:1], auto_shard_dataset=False)


def distributed(data, strategy, start: int = 0, *, accumulate: int = 1):
    """Batches `start`, `start + 1` and so on, for `model.fit`: each replica gets its rows, in order, and no others.

    Batch k is the same, whatever the number of replicas and of workers. A plain `data.dataset(start)` is cut by Keras
    alike, but each worker then makes all rows of a batch.

    Args:
        data: a `PretrainingData` or another `Stepwise`.
        accumulate: the model's, to be checked.

    Raises:
        ConfigError: a batch that cannot be split over replicas and micro-batches.
    """
    replicas = check_batch(data.batch_size, strategy, accumulate)
    if not TENSORFLOW:
        return ((batch,) for batch in data.batches(start))  # a tuple, as Keras wants of a generator
    if replicas == 1:
        return data.dataset(start)

    def of_worker(context):
        rows = data.dataset(start, shard=(context.input_pipeline_id, context.num_input_pipelines))
        return rows.rebatch(data.batch_size // replicas, drop_remainder=True)  # one after the other for its replicas

    return strategy.distribute_datasets_from_function(of_worker)


def replicas_of(strategy) -> int:
    """How many replicas there are."""
    return strategy.num_replicas_in_sync if TENSORFLOW else strategy.device_mesh.devices.size


def check_batch(batch_size: int, strategy, accumulate: int = 1) -> int:
    """How many replicas there are.

    Raises:
        ConfigError: a batch that cannot be split over them and over micro-batches.
    """
    replicas = replicas_of(strategy)
    if batch_size % (replicas * accumulate):
        micro = f" x {accumulate} micro-batches" if accumulate > 1 else ""
        raise ConfigError(
            f"batch_size {batch_size} cannot be split over {replicas} replicas{micro}; "
            f"use a multiple of {replicas * accumulate}"
        )
    return replicas


def is_chief(strategy) -> bool:
    """Whether this process writes the files of a run; one of the workers does."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.task_type:
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief" if has_chief else resolver.task_id == 0


def is_alone(strategy) -> bool:
    """Whether one process does the work of a run, on one or more devices."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.task_type:
        return True
    return sum(map(len, resolver.cluster_spec().as_dict().values())) == 1


def check_agreed(strategy, step: int) -> None:
    """Raises ConfigError: the workers would begin at different steps, as they do not see the same checkpoints."""
    replicas = replicas_of(strategy)
    if getattr(strategy, "cluster_resolver", None) is None or replicas == 1:
        return
    steps = strategy.run(lambda: tf.constant(step, "float64"))
    if float(strategy.reduce(tf.distribute.ReduceOp.SUM, steps, axis=None)) != step * replicas:
        raise ConfigError(
            f"this worker would begin at step {step}, another one elsewhere; name a folder that all machines share"
        )


def described(strategy) -> str:
    """Such as "4 replicas (MirroredStrategy)"."""
    replicas = replicas_of(strategy)
    return "1 device" if replicas == 1 else f"{replicas} replicas ({type(strategy).__name__})"


def accelerators() -> list[str]:
    """The names of this machine's GPUs, as the backend calls them; on JAX also its TPUs."""
    if TENSORFLOW:
        details = tf.config.experimental.get_device_details
        return [details(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")]
    return [device.device_kind for device in jax.devices() if device.platform != "cpu"] if BACKEND == "jax" else []
