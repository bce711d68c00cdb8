"""The two kinds of trainers: of losses that a model sums itself, and of losses that `compile` is given.

Both share the step of `kerasbert.training.step`.
"""

import keras
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.training.losses import InParts, rows_share, shares, unscaled
from kerasbert.training.optimizers import scaled_for_float16
from kerasbert.training.step import TENSORFLOW, TrainStep, rows_of

if TENSORFLOW:
    import tensorflow as tf


class SummedLossTrainer(TrainStep):
    """A mixin, listed before `keras.Model`, for a model that computes sums of its losses itself.

    The model must define three names:

    - `summed`: the figures of each loss, such as `{"mlm": ("loss", "accuracy")}`. `loss` must be among them;
    - `weights_of(batch)`: the sum of the weights that each loss is a mean over, such as `{"mlm": 12.0}`. Float32
      scalars that depend on the data alone;
    - `sums_of(batch, training)`: the figures, such as `{"mlm": {"loss": 30.0, "accuracy": 7.0}}`. Float32 scalars,
      summed with the same weights.

    The model's loss is the sum of its losses' means, unless the model overrides `total_of`. `fit` and `evaluate` report
    it as `loss`, and each figure's mean as `mlm_loss`, `mlm_accuracy` and so on.
    """

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
            ConfigError: a value is not allowed.
        """
        jit_compile = self.configure_step(accumulate=accumulate, jit_compile=jit_compile)
        optimizer = scaled_for_float16(optimizer, self)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, run_eagerly=run_eagerly)
        names = [f"{part}_{figure}" for part, figures in self.summed.items() for figure in figures]
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    def total_of(self, means: dict):
        """The model's loss of the means of its losses by name."""
        return sum(means.values())

    def total_loss(self, sums: dict, weights: dict):
        return self.total_of({part: ops.divide_no_nan(sums[part]["loss"], weights[part]) for part in sums})

    def record(self, sums: dict, weights: dict) -> dict:
        """Adds a batch to the metrics; returns the batch's own figures."""
        logs = {"loss": self.total_loss(sums, weights)}
        for part, figures in sums.items():
            for figure, value in figures.items():
                name = f"{part}_{figure}"
                logs[name] = ops.divide_no_nan(value, weights[part])
                self.means[name].update_state(logs[name], sample_weight=weights[part])
        return logs

    # On JAX, Keras's trainer: arrays are global there, so a mean is the mean over all replicas.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return self.total_loss(y_pred, self.weights_of(x))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.record(y_pred, self.weights_of(x))

    # On TensorFlow.

    def divisors_of(self, batch):
        return self.weights_of(batch)

    def part_of(self, batch, divisors, training):
        sums = self.sums_of(batch, training=training)
        return self.total_loss(sums, divisors), sums, ()

    def report(self, batch, figures, divisors, outputs):
        logs = self.record(figures, divisors)
        self._loss_tracker.update_state(logs["loss"])
        return logs


class CompiledLossTrainer(TrainStep):
    """A mixin, listed before `keras.Model`, for models whose `compile` takes losses and metrics, as Keras's does.

    One replica gives what Keras's `fit` gives, and any number of replicas and of micro-batches gives the same as one.

    - What a loss is divided by goes by its own `reduction`: the number of positions ("sum_over_batch_size", Keras's
      default), the sum of the weights ("mean_with_sample_weight"), or nothing ("sum"). A function that returns one
      number counts by the rows it got, and so does a loss under a Keras mask.
    - `compute_loss` may be overridden: it returns the mean over the rows it gets, which is weighed by their number. So
      are `add_loss` and regularisers, which therefore count once.
    - `compute_metrics` may be overridden. What it returns beyond the metrics' results is weighed by the rows.
    - `train_step` may be overridden. It is then Keras's contract: the optimizer sums the gradients of the replicas.
    """

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        *,
        accumulate: int = 1,
        recompute: bool = False,
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        auto_scale_loss: bool = True,
    ):
        """Configures `fit` and `evaluate`.

        Args:
            optimizer: any of Keras's; clipping, its own, sees the gradient of the whole batch.
            loss, loss_weights, metrics, weighted_metrics: as `keras.Model.compile` takes them.
            accumulate: micro-batches that the rows of a replica are cut into, one after the other in memory; TensorFlow
                only (on JAX give the optimizer `gradient_accumulation_steps`).
            recompute: whether to keep only the inputs of the encoder's blocks for the backward pass and to compute the
                rest again. It takes a third more computation and a fraction of the memory; TensorFlow only.
            jit_compile: whether XLA compiles the forward and backward pass; "auto": where there is a GPU or TPU.
            run_eagerly: without a graph, to debug.
            steps_per_execution: 1, one step between two calls of the callbacks.
            auto_scale_loss: whether the loss is scaled if a layer computes in float16.

        Raises:
            ConfigError: a value is not allowed.
        """
        if recompute and not TENSORFLOW:
            raise ConfigError(f"recompute is {recompute}: on {keras.backend.backend()} leave it out")
        if steps_per_execution != 1 and TENSORFLOW:
            raise ConfigError(f"steps_per_execution is {steps_per_execution}: use 1, or leave it out")
        super().compile(
            optimizer=scaled_for_float16(optimizer, self) if auto_scale_loss else optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=self.configure_step(accumulate=accumulate, jit_compile=jit_compile),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=False,
        )
        self.recompute = recompute
        # Keras compiles a clone of the model, which is no trainer of ours, with this: it knows no options of ours.
        own = {"accumulate": (accumulate, 1), "recompute": (recompute, False)}
        self._step_said = {name: value for name, (value, usual) in own.items() if value != usual}
        self._step_said["jit_compile"] = jit_compile

    def get_compile_config(self):
        config = super().get_compile_config()
        return {**config, **self._step_said} if config else config

    def compile_from_config(self, config):  # Keras's method does not compile models that override `compile`
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        sample_weight = _of_every_output(sample_weight, y)
        return super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred, _of_every_output(sample_weight, y))

    # On TensorFlow.

    def divisors_of(self, batch):
        _, _, weights = _unpacked(batch)
        sums = [ops.sum(ops.cast(x, "float32")) for x in keras.tree.flatten(weights) if x is not None]
        return {"rows": ops.cast(rows_of(batch), "float32"), "weights": sums}

    def part_of(self, batch, divisors, training):
        x, y, weights = _unpacked(batch)
        outputs = self(x, training=training)
        share = rows_share(rows_of(batch), divisors)
        with unscaled():
            if type(self).compute_loss is not CompiledLossTrainer.compute_loss:
                mean = self._compute_loss(x=x, y=y, y_pred=outputs, sample_weight=weights, training=training)
                loss = ops.cast(ops.sum(mean), "float32") * share
                return loss, {"loss": loss, "losses": []}, outputs
            terms = [ops.sum(ops.cast(term, "float32")) * share for term in self.losses]
            losses = []
            if self._compile_loss is not None:
                with keras.StatelessScope():  # Keras would update its metrics here, with a part
                    terms.append(self._compile_loss(y, outputs, shares(weights, share, divisors)))
                losses = [each.loss.value for each in self._compile_loss._flat_losses]
        if not terms:
            raise ConfigError(
                f"{self.name} has no loss: give compile one, such as loss='mse', or override compute_loss"
            )
        loss = sum(terms)
        return loss, {"loss": loss, "losses": losses}, outputs

    def report(self, batch, figures, divisors, outputs):
        x, y, weights = _unpacked(batch)
        self._loss_tracker.update_state(figures["loss"], sample_weight=divisors["rows"])
        if self._compile_loss is not None:
            for mean, value in zip(self._compile_loss.metrics, figures["losses"], strict=False):
                mean.update_state(value, sample_weight=divisors["rows"])
        context, rows = tf.distribute.get_replica_context(), rows_of(batch)
        if context.num_replicas_in_sync == 1:
            return self.compute_metrics(x, y, outputs, weights)
        logs = _if_any(rows, lambda: self.compute_metrics(x, y, outputs, weights))
        logs = {name: ops.cast(value, "float32") * rows_share(rows, divisors) for name, value in logs.items()}
        return context.all_reduce(tf.distribute.ReduceOp.SUM, logs) | self._results_of_all(context)

    def _results_of_all(self, context) -> dict:
        """The metrics' results for the rows of all replicas: each replica has its own sums, and they are added."""
        variables = [each for each in self.metrics_variables if each.aggregation == "sum"]
        # Under several workers a variable's reading has no device, and its copy has one.
        own = [tf.identity(each.value) for each in variables]
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, own)
        with keras.StatelessScope(state_mapping=list(zip(variables, sums, strict=True))):
            return self.get_metrics_result()

    def _build_metrics(self, batch):
        loss, (x, y, weights) = self._compile_loss, _unpacked(batch)
        if loss is not None and y is None and type(self).compute_loss is CompiledLossTrainer.compute_loss:
            raise ConfigError(f"{self.name}: its loss needs right answers; give y, or a data set of (x, y)")
        if any(part is not None and not part.built for part in (loss, self._compile_metrics)):
            with self.distribute_strategy.scope():
                self._symbolic_build(data_batch=keras.tree.map_structure(_one_replica, (x, y, weights)))
        if loss is not None and loss.built:  # perhaps since an earlier batch that did not fit
            loss._flat_losses = [
                each if isinstance(each.loss, InParts) else each._replace(loss=InParts(each.loss))
                for each in loss._flat_losses
            ]


def _unpacked(batch) -> tuple:
    """Inputs, targets and weights."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    return x, y, _of_every_output(weights, y)


def _of_every_output(weights, y):
    """The weights, with None for outputs that have none: Keras looks up each output's."""
    if isinstance(y, dict) and isinstance(weights, dict):
        return {name: weights.get(name) for name in y}
    return weights


def _one_replica(x):
    """What one replica gets of a tensor, or of the specification of one; None for a part that the batch lacks."""
    if x is None or isinstance(x, tf.OptionalSpec):
        return None
    return tf.nest.flatten(x, expand_composites=True)[0]


def _if_any(rows, function):
    """The values of a function by name, or zeros where there are no rows; the function is not called then."""
    if isinstance(rows, int):
        return function()
    shapes = {}

    def found():
        values = {name: tf.convert_to_tensor(value) for name, value in function().items()}
        shapes.update({name: (value.shape, value.dtype) for name, value in values.items()})
        return values

    return tf.cond(rows > 0, found, lambda: {name: tf.zeros(*each) for name, each in shapes.items()})
