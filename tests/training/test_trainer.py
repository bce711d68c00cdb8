"""The train step against gradients of full logits, packed rows against single ones, figures, what is refused."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from training.replica_runs import LENGTH, PAIRS, SLOTS, Rows, make_model, make_optimizer

from kerasbert.errors import ConfigError
from kerasbert.training.metrics import Perplexity
from kerasbert.training.trainer import SummedLossTrainer

LAYOUTS = ("pairs", "packed", "packed pairs")


def unpacked(batch: dict) -> dict:
    """A batch with one instance a row; those that lack pairs or masked words stay, with weights of 0."""
    if "instance_ids" not in batch:
        return batch
    rows = []
    for i, numbers in enumerate(batch["instance_ids"]):
        for number in range(1, PAIRS + 1):
            places = np.flatnonzero(numbers == number)
            if not len(places):
                continue
            row = {name: np.zeros(LENGTH, "int32") for name in ("input_ids", "attention_mask", "token_type_ids")}
            for name, values in row.items():
                values[: len(places)] = batch[name][i, places]
            own = (numbers[batch["mlm_positions"][i]] == number) & (batch["mlm_weights"][i] > 0)
            row["mlm_positions"] = np.where(own, batch["mlm_positions"][i] - places[0], 0)
            row["mlm_ids"] = np.where(own, batch["mlm_ids"][i], 0)
            row["mlm_weights"] = own.astype("float32")
            if "nsp_label" in batch:
                row["nsp_label"] = batch["nsp_label"][i, number - 1]
            rows.append(row)
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return {name: x if x.dtype == "float32" else x.astype("int32") for name, x in stacked.items()}


def oracle(model, batch: dict) -> tuple[dict, list[np.ndarray]]:
    """Means, and the loss's gradients, from the functional model's full logits of single rows."""
    batch = unpacked(batch)
    variables = [variable.value for variable in model.trainable_variables]
    means = {}
    with tf.GradientTape() as tape:
        logits = model({name: x for name, x in batch.items() if name in model.input}, training=False)
        losses = []
        for task in model.summed:
            labels = batch["mlm_ids"] if task == "mlm" else batch["nsp_label"]
            weights = batch["mlm_weights"] if task == "mlm" else np.ones(len(labels), "float32")
            found = tf.nn.log_softmax(tf.cast(logits[f"{task}_logits"], "float64"))
            true = tf.gather(found, labels, batch_dims=labels.ndim)
            losses.append(-tf.reduce_sum(true * weights) / weights.sum())
            right = (found.numpy().argmax(-1) == labels) * weights
            means |= {f"{task}_loss": float(losses[-1]), f"{task}_accuracy": right.sum() / weights.sum()}
        loss = tf.add_n(losses)
    gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return {"loss": float(loss), **means}, [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def compiled(layout="pairs", optimizer=None, *, accumulate=1, **options):
    model = make_model(layout, **options)
    model.compile(optimizer or make_optimizer(), accumulate=accumulate)
    return model


def fit(model, layout="pairs", steps=1):
    return model.fit(Rows(layout).dataset(), steps_per_epoch=steps, verbose=0, shuffle=False).history


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_step_is_that_of_full_logits_clipped_by_the_norm_of_all(layout):
    model = compiled(layout, keras.optimizers.SGD(0.5, global_clipnorm=0.3))
    batch = Rows(layout).batch(0)
    means, gradients = oracle(model, batch)
    before = [w.numpy() for w in model.trainable_variables]
    figures = {name: values[0] for name, values in fit(model, layout).items()}
    norm = np.sqrt(sum((gradient.astype("float64") ** 2).sum() for gradient in gradients))
    assert norm > 0.6
    for weight, old, gradient in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(weight.numpy(), old - 0.5 * 0.3 / norm * gradient, atol=1e-6)
    perplexity = figures.pop("perplexity")
    assert figures == pytest.approx(means, abs=1e-5)
    assert perplexity == pytest.approx(np.exp(means["mlm_loss"]), rel=1e-5)


def test_a_step_of_micro_batches_is_the_step_of_the_whole_batch():
    models = [compiled("pairs", keras.optimizers.SGD(0.5), accumulate=accumulate) for accumulate in (1, 2)]
    whole, cut = ({name: value for name, (value,) in fit(model).items()} for model in models)
    assert cut == pytest.approx(whole, rel=1e-5)
    for one, two in zip(*(model.trainable_variables for model in models), strict=True):
        np.testing.assert_allclose(two.numpy(), one.numpy(), atol=1e-6, err_msg=one.path)


@pytest.mark.parametrize("layout", ["pairs", "packed pairs"])
def test_figures_of_an_epoch_and_of_an_evaluation_are_means_over_words_and_pairs(layout):
    model = compiled(layout, keras.optimizers.SGD(0.0))
    data = Rows(layout)
    batches = [unpacked(data.batch(step)) for step in range(4)]
    every = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    means, _ = oracle(model, every)
    evaluation = model.evaluate(data.dataset(), steps=4, verbose=0, return_dict=True)
    history = {name: values[0] for name, values in fit(model, layout, steps=4).items()}
    for found in (history, evaluation):
        for name in ("mlm_loss", "mlm_accuracy", "nsp_loss", "nsp_accuracy"):
            assert found[name] == pytest.approx(means[name], abs=1e-5)
        assert found["perplexity"] == pytest.approx(np.exp(means["mlm_loss"]), rel=1e-5)


def test_perplexity_is_that_of_the_mean():
    perplexity = Perplexity()
    perplexity.update_state(1.0, sample_weight=3.0)
    perplexity.update_state(2.0, sample_weight=1.0)
    assert float(perplexity.result()) == pytest.approx(np.exp(1.25))


@pytest.mark.parametrize("layout", ["packed", "packed pairs"])
def test_packed_rows_give_the_sums_and_gradients_of_single_ones(layout):
    model = compiled(layout)
    packed = Rows(layout).batch(5)
    found = []
    for batch in (packed, unpacked(packed)):
        batch = {name: tf.constant(values) for name, values in batch.items()}
        found.append(model._forward_backward(batch, model.weights_of(batch), tf.constant(0, "int64"))[0])
    (sums, gradients), (true_sums, true_gradients) = found
    for task in model.summed:
        for name, value in true_sums[task].items():
            np.testing.assert_allclose(sums[task][name], value, rtol=1e-5)
    for gradient, true in zip(gradients, true_gradients, strict=True):
        np.testing.assert_allclose(gradient, true, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("graph", [False, True])
def test_a_packed_instance_does_not_change_by_a_bit_with_its_neighbours(dtype, graph):
    model = make_model("packed", dtype=dtype)
    batch = Rows("packed").batch(0)
    everywhere = np.tile(np.arange(LENGTH, dtype="int32"), (8, 1))
    vectors = tf.function(model.vectors) if graph else model.vectors
    before = vectors({k: tf.constant(x) for k, x in batch.items()}, everywhere)
    number = 2
    chosen = batch["instance_ids"] == number
    assert chosen.any()
    batch["input_ids"] = np.where(chosen, 39 - batch["input_ids"], batch["input_ids"])
    after = vectors({k: tf.constant(x) for k, x in batch.items()}, everywhere)
    changed = (before != after).numpy().any(-1)
    assert not (changed & ~chosen).any()
    assert (changed | ~chosen).all()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_losses_and_sums_are_float32_whatever_the_policy(dtype):
    model = make_model("packed pairs", dtype=dtype)
    sums = model.sums_of(Rows("packed pairs").batch(0), training=True)
    assert {value.dtype for value in tf.nest.flatten(sums)} == {tf.float32}
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}


def test_float16_scales_the_loss_and_others_do_not():
    model = compiled("packed pairs", dtype="mixed_float16")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    fit(model, "packed pairs", steps=2)
    assert int(model.optimizer.step_counter) == int(model.optimizer.iterations) == 2
    model.compile(model.optimizer)
    assert not isinstance(model.optimizer.inner_optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(compiled(dtype="mixed_bfloat16").optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("layout", ["pairs", "packed pairs"])
def test_pairs_train_on_rows_of_several_lengths(layout):
    class Buckets(Rows):
        buckets = (LENGTH // 2, LENGTH)  # so that its dataset leaves all lengths open

    model = compiled(layout, keras.optimizers.SGD(0.1))
    found = model.fit(Buckets(layout).dataset(), steps_per_epoch=2, verbose=0, shuffle=False).history
    expected = fit(compiled(layout, keras.optimizers.SGD(0.1)), layout, steps=2)
    assert {name: value for name, (value,) in found.items()} == pytest.approx(
        {name: value for name, (value,) in expected.items()}, abs=1e-5
    )


def test_recomputation_gives_the_same_gradients_through_the_same_dropout():
    found = []
    for recompute in (False, True):
        model = compiled("pairs", dropout=0.3, recompute=recompute)
        batch = {name: tf.constant(x) for name, x in Rows().batch(0).items()}
        step = tf.function(model._forward_backward)
        found.append(step(batch, model.weights_of(batch), tf.constant(7, "int64")))
    for kept, again in zip(*map(tf.nest.flatten, found), strict=True):
        np.testing.assert_allclose(kept, again, atol=1e-6)


def test_a_batch_by_itself_trains_and_a_dataset_may_end():
    model = compiled()
    first = model.train_on_batch(Rows().batch(0), return_dict=True)
    assert first["loss"] > model.train_on_batch(Rows().batch(0), return_dict=True)["loss"]
    model.fit(Rows().dataset().take(3), epochs=1, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 5


def test_a_batch_without_masked_words_changes_nothing():
    model = compiled("packed")
    batch = Rows("packed").batch(0)
    batch["mlm_weights"] = np.zeros((8, SLOTS), "float32")
    before = model.get_weights()
    assert model.train_on_batch(batch, return_dict=True)["loss"] == 0.0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("accumulate", [0, -1, 1.5, "2"])
def test_a_number_of_micro_batches_that_is_none_is_refused(accumulate):
    with pytest.raises(ConfigError, match="use a whole number of micro-batches, 1 or more"):
        make_model().compile(accumulate=accumulate)


@pytest.mark.parametrize(
    ("layout", "missing", "message"),
    [
        ("pairs", "nsp_label", "a batch without nsp_label, for a model with a next-sentence head"),
        ("packed", "mlm_ids", "a batch without mlm_ids: train on batches of PretrainingData"),
    ],
)
def test_a_batch_of_another_model_is_refused(layout, missing, message):
    model = compiled(layout)
    batch = Rows(layout).batch(0)
    del batch[missing]
    with pytest.raises(ConfigError, match=message):
        model.fit(tf.data.Dataset.from_tensors(batch), verbose=0, shuffle=False)


class Line(SummedLossTrainer, keras.Model):
    """Has nothing of pre-training: one loss without an accuracy, of batches (x, y, weights)."""

    summed = {"square": ("loss",)}  # noqa: RUF012 - as a model's class may have it

    def weights_of(self, batch):
        return {"square": tf.reduce_sum(batch[2])}

    def sums_of(self, batch, training=None):
        x, y, weights = batch
        return {"square": {"loss": tf.reduce_sum(weights * (self(x, training=training)[:, 0] - y) ** 2)}}


@pytest.mark.parametrize("scale", [1.0, 0.01])  # a sum of weights may be below 1
def test_a_model_of_another_task_trains_on_weighted_means(scale):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)).astype("float32"), rng.normal(size=8).astype("float32")
    weights = scale * np.array([1, 0, 0, 0, 2, 1, 1, 3], "float32")
    found = []
    for accumulate in (1, 3, 4, 9):  # 3 do not divide 8 rows, and there are no 9 parts
        inputs = keras.Input((2,))
        model = Line(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
        model.compile(keras.optimizers.SGD(0.1), accumulate=accumulate)
        history = model.fit(tf.data.Dataset.from_tensors((x, y, weights)), verbose=0, shuffle=False).history
        assert history.keys() == {"loss", "square_loss"}
        found.append((history["loss"][0], *model.get_weights()))
    error = x.sum(1) - y
    loss, slope = (weights * error**2).sum() / weights.sum(), 2 * weights * error / weights.sum()
    for values in found:
        for value, true in zip(values, (loss, 1 - 0.1 * (slope @ x)[:, None], [-0.1 * slope.sum()]), strict=True):
            np.testing.assert_allclose(value, true, rtol=1e-5)


@pytest.mark.slow
def test_memory_does_not_grow():
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("reads Linux's /proc")
    used = {}

    def look(batch, logs):
        if batch + 1 in (200, 1100):
            used[batch + 1] = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    model = compiled("packed pairs", accumulate=2)
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    model.fit(Rows("packed pairs").dataset(), steps_per_epoch=1100, verbose=0, shuffle=False, callbacks=[watch])
    assert used[1100] - used[200] < 4e6
