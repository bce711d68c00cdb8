"""A train step with correct losses and gradients under every strategy, whatever the model's losses are.

Keras's `fit` stands around it. On JAX Keras's own step serves, because arrays are global there. What Keras 3.15 does on
TensorFlow, and why it does not serve:

- A loss is a mean on each replica, and replicas are averaged: wrong where their rows or weights differ in number.
  Here the divisors are all-reduced first, and every replica divides its sum by the total.
- Clipping comes before the all-reduce, so results depend on the number of replicas (keras#20582 names the same of
  accumulation, which raises with more than one). Here gradients are summed over micro-batches, then over replicas;
  Keras's optimizer clips the sum.
- A replica that gets fewer rows than the others fails. Here any number of rows can be split; a replica may get none.
- XLA is off under any strategy. Here the forward and backward pass is a function of its own, compiled if wanted.
- `fit` raises under MultiWorkerMirroredStrategy: its symbolic build reduces a nested batch, and its logs are reduced
  over axis 0 of scalars (keras#20585, #20329). Here specifications of a batch suffice, and replicas have equal logs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from kerasbert.errors import ConfigError
from kerasbert.layers.tracing import traced_with

TENSORFLOW = keras.backend.backend() == "tensorflow"
if TENSORFLOW:
    import tensorflow as tf

_DRAWS = 16
"""More than the masks that a layer draws in one pass."""


class TrainStep:
    """A mixin, listed before `keras.Model`. It trains on batches whose tensors have their rows on axis 0.

    A trainer defines three methods, for TensorFlow:

    - `divisors_of(batch)`: what the batch's losses are divided by, a structure of float32 scalars. They depend on the
      data alone; those of all replicas are added;
    - `part_of(batch, divisors, training)`: the loss of some rows, their share of the whole batch's; figures, a
      structure of float32 scalars that are added over all parts; and outputs, a structure of tensors with these rows;
    - `report(batch, figures, divisors, outputs)`: updates the metrics and returns the logs by name. The figures and
      divisors are those of the whole batch, the rest is this replica's.
    """

    accumulate, recompute, jit_step = 1, False, False

    def configure_step(self, *, accumulate: int, jit_compile: bool | str) -> bool:
        """Checks and keeps what a trainer's `compile` says about the step.

        Returns:
            Keras's own `jit_compile`.

        Raises:
            ConfigError: a value is not allowed.
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
        self.accumulate, self.jit_step = accumulate, jit_compile
        self._passes = {}
        return False if TENSORFLOW else jit_compile

    if TENSORFLOW:

        def train_step(self, batch):
            context = tf.distribute.get_replica_context()
            divisors = context.all_reduce(tf.distribute.ReduceOp.SUM, self.divisors_of(batch))
            sums, outputs = self._in_parts(self._forward_backward, batch, divisors, self.accumulate)
            figures, gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
            with _summed_already(self.optimizer):
                self.optimizer.apply(gradients, self.trainable_variables)
            return self.report(batch, figures, divisors, outputs)

        def test_step(self, batch):
            context = tf.distribute.get_replica_context()
            divisors = context.all_reduce(tf.distribute.ReduceOp.SUM, self.divisors_of(batch))
            figures, outputs = self._in_parts(self._forward, batch, divisors, 1)
            figures = context.all_reduce(tf.distribute.ReduceOp.SUM, figures)
            return self.report(batch, figures, divisors, outputs)

        def _in_parts(self, function, batch, divisors, count: int):
            """Runs a pass over this replica's rows, micro-batch after micro-batch: adds sums, joins outputs."""
            run = self._compiled(function)
            context = tf.distribute.get_replica_context()
            number = tf.cast(self.optimizer.iterations.value * context.num_replicas_in_sync, "int64")
            first = (number + tf.cast(context.replica_id_in_sync_group, "int64")) * count
            rows = rows_of(batch)
            maybe_none = not isinstance(rows, int) and context.num_replicas_in_sync > 1
            if maybe_none:
                batch = _filled(batch, rows)
            if count > 1:
                count = max(1, min(count, rows)) if isinstance(rows, int) else tf.clip_by_value(rows, 1, count)
            sums, outputs = self._joined(run, batch, divisors, first, count)
            if maybe_none:
                sums = tf.nest.map_structure(lambda x: tf.where(rows > 0, x, tf.zeros_like(x)), sums)
                outputs = tf.nest.map_structure(lambda x: x[:rows], outputs)
            return sums, outputs

        def _joined(self, run, batch, divisors, first, count):
            """Args: first: the number of the first micro-batch. count: how many there are; none is empty."""
            if isinstance(count, int) and count == 1:
                return run(batch, divisors, first)
            sums, outputs = run(_cut(batch, 0, count), divisors, first)
            found, flat = tf.nest.flatten(outputs), tf.nest.flatten(sums)
            kept = [
                tf.TensorArray(x.dtype, size=count, infer_shape=False, element_shape=(None, *x.shape[1:])).write(0, x)
                for x in found
            ]

            def add(i, flat, kept):
                more, outputs = run(_cut(batch, i, count), divisors, first + tf.cast(i, "int64"))
                flat = [a + b for a, b in zip(flat, tf.nest.flatten(more), strict=True)]
                return i + 1, flat, [a.write(i, x) for a, x in zip(kept, tf.nest.flatten(outputs), strict=True)]

            _, flat, kept = tf.while_loop(lambda i, *_: i < count, add, (1, flat, kept), parallel_iterations=1)
            joined = [array.concat() for array in kept]
            return tf.nest.pack_sequence_as(sums, flat), tf.nest.pack_sequence_as(outputs, joined)

        def _forward(self, batch, divisors, number):
            _, figures, outputs = self.part_of(batch, divisors, training=False)
            return figures, outputs

        def _forward_backward(self, batch, divisors, number):
            self._set_dropout(number)
            variables = [variable.value for variable in self.trainable_variables]
            with tf.GradientTape() as tape, traced_with(recompute=self.recompute, xla=bool(self.jit_step)):
                loss, figures, outputs = self.part_of(batch, divisors, training=True)
                loss = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return (figures, [tf.convert_to_tensor(gradient) for gradient in gradients]), outputs

        def _set_dropout(self, number):
            """Masks are a function of the layer's seed and the number of the micro-batch, over all steps and replicas.

            Keras's replicas would all draw the same ones, and a run that goes on would begin them anew.
            """
            for layer in self._flatten_layers():
                generator = getattr(layer, "seed_generator", None)
                if isinstance(generator, keras.random.SeedGenerator):
                    state = generator.state
                    state.assign(tf.stack([state.value[0], tf.cast(number * _DRAWS, state.dtype)]))

        def _compiled(self, function):
            if not self.jit_step or self.run_eagerly:
                return function
            name = function.__name__
            if name not in self._passes:

                def traced(*arguments):
                    with traced_with(xla=True, xla_cpu=not _has_accelerator()):
                        return function(*arguments)

                self._passes[name] = tf.function(traced, autograph=False, jit_compile=True, reduce_retracing=False)
            return self._passes[name]

        def _make_function(self, step):
            """Keras's maker of train and test functions."""
            strategy = self.distribute_strategy
            ours = step.__func__ in (TrainStep.train_step, TrainStep.test_step)

            def of_replicas(value):
                if ours:
                    return strategy.experimental_local_results(value)[0]
                return strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)

            def on_batch(batch):
                batch = keras.tree.map_structure(
                    lambda x: None if isinstance(x, tf.experimental.Optional) else x, batch
                )
                return tf.nest.map_structure(of_replicas, strategy.run(step, args=(batch,)))

            def graph(function):
                return function if self.run_eagerly else tf.function(function, autograph=False)

            on_next, of_one = graph(lambda iterator: on_batch(iterator.get_next())), graph(on_batch)

            def function(iterator):
                if hasattr(iterator, "get_next"):
                    self._build_metrics(iterator.element_spec)
                    return on_next(iterator)
                batch = next(iterator)  # of train_on_batch, which adds None for what it was not given
                batch = batch[0] if all(part is None for part in batch[1:]) else batch
                batch = keras.tree.map_structure(lambda x: None if x is None else tf.convert_to_tensor(x), batch)
                self._build_metrics(batch)
                return of_one(batch)

            return function

        def _build_metrics(self, batch) -> None:
            """Makes the variables of what `compile` got, outside the step. Args: batch: one, or its specifications."""

        def _maybe_symbolic_build(self, iterator=None, data_batch=None):
            """The model is built; the optimizer's variables must be made under the strategy and outside the step."""
            if self.optimizer is not None and not self.optimizer.built:
                with self.distribute_strategy.scope():
                    self.optimizer.build(self.trainable_variables)


def rows_of(batch):
    """How many rows a batch has: a number, or a tensor if only the step itself knows."""
    first = next(x for x in keras.tree.flatten(batch) if x is not None)
    return tf.shape(first)[0] if first.shape[0] is None else int(first.shape[0])


def _cut(batch, i, count):
    """Micro-batch `i`, with a share of the rows that differs by one at most from the others."""
    rows = rows_of(batch)
    even = isinstance(rows, int) and isinstance(count, int) and rows % count == 0

    def cut(x):
        if x is None:
            return None
        part = x[i * rows // count : (i + 1) * rows // count]
        if even:
            part.set_shape((rows // count, *x.shape[1:]))
        return part

    return keras.tree.map_structure(cut, batch)


def _filled(batch, rows):
    """The batch, or one row of zeros if it has none."""

    def fill(x):
        missing = tf.cast(rows == 0, "int32")
        return None if x is None else tf.pad(x, [(0, missing), *[(0, 0)] * (x.shape.rank - 1)])

    return keras.tree.map_structure(fill, batch)


def _has_accelerator() -> bool:
    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))


@contextmanager
def _summed_already(optimizer) -> Iterator[None]:
    """Keras's optimizer would all-reduce the gradients that it gets; ours have been, so that it clips the sum.

    A train step of the user's may give it others.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    optimizer._all_reduce_sum_gradients = list
    try:
        yield
    finally:
        vars(optimizer).pop("_all_reduce_sum_gradients", None)
