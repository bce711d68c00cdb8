"""A train step with correct losses and gradients under every strategy.

Keras's `fit` stands around it, TensorFlow's or JAX's trainer below.

A model with this trainer gives its losses as sums and weights. A loss is `sum / weight` over the whole batch, wherever
its rows are computed. On TensorFlow the step is ours. What Keras 3.15 does instead, and why it does not serve:

- A loss is a mean on each replica, and replicas are averaged: wrong where their weights differ (masked words, padding).
  Here the weights are all-reduced first, and every replica divides by the total.
- Clipping comes before the all-reduce, so results depend on the number of replicas (keras#20582 names the same of
  accumulation, which raises with more than one). Here gradients are summed over micro-batches, then over replicas;
  Keras's optimizer clips what it gets.
- XLA is off under any strategy. Here the forward and backward pass is a function of its own, compiled if wanted.
- `fit` raises under MultiWorkerMirroredStrategy: its symbolic build reduces a nested batch, and its logs are reduced
  over axis 0 of scalars (keras#20585, #20329). Here the model is built already, and all replicas have the same logs.
"""

import keras
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.layers.tracing import traced_with
from kerasbert.training.optimizers import scaled_for_float16

TENSORFLOW = keras.backend.backend() == "tensorflow"
if TENSORFLOW:
    import tensorflow as tf

_DRAWS = 16
"""More than the masks that a layer draws in one pass."""


class SummedLossTrainer:
    """A mixin, listed before `keras.Model`. It trains on batches whose tensors have their rows on axis 0.

    The model must define three names:

    - `summed`: the figures of each loss, such as `{"mlm": ("loss", "accuracy")}`. `loss` must be among them;
    - `weights_of(batch)`: the sum of the weights that each loss is a mean over, such as `{"mlm": 12.0}`. Float32
      scalars that depend on the data alone;
    - `sums_of(batch, training)`: the figures, such as `{"mlm": {"loss": 30.0, "accuracy": 7.0}}`. Float32 scalars,
      summed with the same weights.

    The model's loss is the sum of its losses' means. `fit` and `evaluate` report it as `loss`, and each figure's mean
    as `mlm_loss`, `mlm_accuracy` and so on.
    """

    jit_step = False

    def compile(self, optimizer="adam", *, accumulate: int = 1, jit_compile: bool | str = "auto", run_eagerly=False):
        """Configures `fit`.

        Args:
            optimizer: any of Keras's; clipping, its own, sees the gradient of the whole batch. In float16 the loss is
                scaled, see `kerasbert.training.optimizers.scaled_for_float16`.
            accumulate: micro-batches that a batch is cut into, one after the other in memory; TensorFlow only (on JAX
                give the optimizer `gradient_accumulation_steps`).
            jit_compile: whether XLA compiles the forward and backward pass; "auto": where there is a GPU or TPU. On a
                CPU oneDNN's kernels are faster.
            run_eagerly: without a graph, to debug.

        Raises:
            ConfigError: a value that cannot be.
        """
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ConfigError(f"accumulate is {accumulate!r}: use a whole number of micro-batches, 1 or more")
        if accumulate > 1 and not TENSORFLOW:
            raise ConfigError(
                f"accumulate is {accumulate}: on {keras.backend.backend()} give the optimizer "
                "gradient_accumulation_steps instead"
            )
        if jit_compile == "auto":
            jit_compile = not TENSORFLOW or _has_accelerator()
        optimizer = scaled_for_float16(optimizer, self)
        super().compile(optimizer=optimizer, jit_compile=False if TENSORFLOW else jit_compile, run_eagerly=run_eagerly)
        self.accumulate, self.jit_step = accumulate, jit_compile
        names = [f"{part}_{figure}" for part, figures in self.summed.items() for figure in figures]
        self.means = {name: keras.metrics.Mean(name=name) for name in names}
        if TENSORFLOW:
            self._passes = {}
            _take_summed_gradients(self.optimizer)

    def total_loss(self, sums: dict, weights: dict):
        return sum(sums[part]["loss"] / ops.maximum(weights[part], 1.0) for part in sums)

    def record(self, sums: dict, weights: dict) -> dict:
        """Adds a batch to the metrics; returns the batch's own figures."""
        logs = {"loss": self.total_loss(sums, weights)}
        for part, figures in sums.items():
            for figure, value in figures.items():
                name = f"{part}_{figure}"
                logs[name] = value / ops.maximum(weights[part], 1.0)
                self.means[name].update_state(logs[name], sample_weight=weights[part])
        return logs

    # On JAX, Keras's trainer: arrays are global there, so a mean is the mean over all replicas.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.total_loss(y_pred, self.weights_of(x))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.record(y_pred, self.weights_of(x))

    # On TensorFlow.

    if TENSORFLOW:

        def train_step(self, batch):
            context = tf.distribute.get_replica_context()
            weights = context.all_reduce(tf.distribute.ReduceOp.SUM, self.weights_of(batch))
            sums, gradients = self._accumulated(batch, weights)
            sums, gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, (sums, gradients))
            self.optimizer.apply(gradients, self.trainable_variables)
            return self._record_on_replica(sums, weights)

        def test_step(self, batch):
            context = tf.distribute.get_replica_context()
            weights, sums = self.weights_of(batch), self._compiled(self.sums_of)(batch, training=False)
            sums, weights = context.all_reduce(tf.distribute.ReduceOp.SUM, (sums, weights))
            return self._record_on_replica(sums, weights)

        def _record_on_replica(self, sums, weights):
            logs = self.record(sums, weights)
            self._loss_tracker.update_state(logs["loss"])
            return logs

        def _accumulated(self, batch, weights):
            """Sums and gradients of this replica's rows, micro-batch after micro-batch."""
            step, count = self._compiled(self._forward_backward), self.accumulate
            context = tf.distribute.get_replica_context()
            number = self.optimizer.iterations.value * context.num_replicas_in_sync
            first = (tf.cast(number, "int64") + tf.cast(context.replica_id_in_sync_group, "int64")) * count
            if count == 1:
                return step(batch, weights, first)
            rows = tf.nest.flatten(batch)[0].shape[0]
            if rows is not None and rows % count:
                raise ConfigError(f"{rows} rows of a replica cannot be cut into {count} micro-batches; use a multiple")
            micro = tf.nest.map_structure(lambda x: _cut(x, count), batch)
            total = step(tf.nest.map_structure(lambda x: x[0], micro), weights, first)
            flat = tf.nest.flatten(total)

            def add(i, sums):
                more = step(tf.nest.map_structure(lambda x: x[i], micro), weights, first + tf.cast(i, "int64"))
                return i + 1, [a + b for a, b in zip(sums, tf.nest.flatten(more), strict=True)]

            _, flat = tf.while_loop(lambda i, _: i < count, add, (1, flat), parallel_iterations=1)
            return tf.nest.pack_sequence_as(total, flat)

        def _forward_backward(self, batch, weights, number):
            self._set_dropout(number)
            variables = [variable.value for variable in self.trainable_variables]
            with tf.GradientTape() as tape:
                sums = self.sums_of(batch, training=True)
                loss = self.optimizer.scale_loss(self.total_loss(sums, weights))
            gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return sums, [tf.convert_to_tensor(gradient) for gradient in gradients]

        def _set_dropout(self, number):
            """Masks are a function of the layer's seed and the number of the micro-batch, over all steps and replicas.

            Keras's replicas would all draw the same ones, and a run that goes on would begin them anew.
            """
            for layer in self._flatten_layers():
                if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
                    state = layer.seed_generator.state
                    state.assign(tf.stack([state.value[0], tf.cast(number * _DRAWS, state.dtype)]))

        def _compiled(self, function):
            if not self.jit_step or self.run_eagerly:
                return function
            name = function.__name__
            if name not in self._passes:

                def traced(*arguments, **options):
                    with traced_with(xla_cpu=not _has_accelerator()):
                        return function(*arguments, **options)

                self._passes[name] = tf.function(traced, autograph=False, jit_compile=True, reduce_retracing=False)
            return self._passes[name]

        def _make_function(self, step):
            """Keras's maker of train and test functions."""
            strategy = self.distribute_strategy

            def on_batch(batch):
                logs = strategy.run(step, args=(batch,))
                return {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}

            def on_next(iterator):
                return on_batch(iterator.get_next())

            graphs = [
                function if self.run_eagerly else tf.function(function, autograph=False)
                for function in (on_next, on_batch)
            ]

            def function(iterator):
                if hasattr(iterator, "get_next"):
                    return graphs[0](iterator)
                return graphs[1](next(iterator)[0])  # of train_on_batch, which wraps its batch so

            return function

        def _maybe_symbolic_build(self, iterator=None, data_batch=None):
            """The model is built; the optimizer's variables must be made under the strategy and outside the step."""
            if self.optimizer is not None and not self.optimizer.built:
                with self.distribute_strategy.scope():
                    self.optimizer.build(self.trainable_variables)


def _cut(x, count: int):
    """(rows, ...) -> (count, rows / count, ...), also where lengths differ from batch to batch, as with buckets."""
    lengths = [tf.shape(x)[axis] if size is None else size for axis, size in enumerate(x.shape)]
    return tf.reshape(x, (count, -1, *lengths[1:]))


def _has_accelerator() -> bool:
    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))


def _take_summed_gradients(optimizer) -> None:
    """Keras's optimizer would all-reduce the gradients that it gets; ours have been, so that it clips the sum."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    optimizer._all_reduce_sum_gradients = list
