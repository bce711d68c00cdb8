"""Training with the losses and metrics that `compile` is given, against Keras's own `fit`; what a subclass may do."""

import keras
import numpy as np
import pytest
from keras import ops
from training.task_runs import CHOICE, LABELS, MODELS, TOKENS, Heads, OwnLoss, Penalised, batch, classifier, encoder

from kerasbert import FeatureExtractor, TextClassifier
from kerasbert.errors import ConfigError
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.task import Output
from kerasbert.training.losses import USUAL, usual_losses
from kerasbert.training.soft_losses import SoftLoss

RATE = 0.5


def weights_of(model) -> np.ndarray:
    return np.concatenate([np.asarray(w).ravel() for w in model.get_weights() if w.dtype.kind == "f"])


def trained(model, data, *, rows=3, plain=False, class_weight=None, **options) -> tuple[dict, np.ndarray]:
    """The history and the weights after batches of 3 and 2 rows.

    Eager: so few steps are not worth the tracing.

    Args:
        plain: the same layers and weights are trained by Keras's own step.
    """
    learning = keras.Model(model.input, model.output) if plain else model
    learning.compile(**{"optimizer": keras.optimizers.SGD(RATE), "run_eagerly": True, **options})
    x, y, *weights = data
    fit = {"sample_weight": weights[0] if weights else None, "class_weight": class_weight}
    history = learning.fit(x, y, batch_size=rows, shuffle=False, verbose=0, **fit).history
    return history, weights_of(model)


def assert_like_keras(make, data, compiled, *, accumulate=(2,), **fit) -> None:
    """`compiled` is called for each model, because losses and metrics belong to one."""
    expected, weights = trained(make(), data, plain=True, **fit, **compiled())
    start = weights_of(make())
    assert np.abs(weights - start).max() > 1e-3
    for count in accumulate:
        history, found = trained(make(), data, accumulate=count, **fit, **compiled())
        np.testing.assert_allclose(found, weights, atol=1e-5)
        assert history.keys() == expected.keys()
        for name, values in expected.items():
            assert history[name] == pytest.approx(values, rel=1e-4), name


def softened(right: np.ndarray) -> np.ndarray:
    """Targets of `SoftLoss`: the last answer is unknown."""
    right = right.astype("float32")
    right[-1] = np.nan
    return np.stack([right, np.random.default_rng(1).normal(size=right.shape).astype("float32")], axis=-1)


def test_soft_labels_are_divided_as_other_targets_are():
    """By the number of texts, or by the weights of tokens, in any number of micro-batches."""
    x, label = batch("label")
    data = (x, softened(np.eye(LABELS)[label]))
    assert_like_keras(classifier, data, lambda: {"loss": SoftLoss("choice"), "metrics": []}, accumulate=(1, 2))
    x, tags, weights = batch("tags")
    data = (x, softened(np.eye(LABELS)[tags]), weights)
    loss = {"loss": SoftLoss("choice", reduction="mean_with_sample_weight"), "metrics": []}
    assert_like_keras(lambda: Heads(encoder(), (TOKENS,)), data, lambda: loss, accumulate=(1, 2))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_reduction_is_keras_own(reduction, weighted):
    assert_like_keras(
        classifier,
        batch("weighted label" if weighted else "label"),
        lambda: {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)},
        accumulate=(1, 2),
    )


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_so_it_is_with_weights_for_each_token(reduction):
    assert_like_keras(
        lambda: Heads(encoder(), (TOKENS,)),
        batch("tags"),
        lambda: {
            "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction),
            "weighted_metrics": ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2")],
        },
    )


def crossentropy(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


ONE_OUTPUT = {
    "function": lambda: {"loss": crossentropy, "metrics": ["accuracy", crossentropy]},
    "function of one number": lambda: {"loss": MODELS["function"][2]["loss"], "metrics": ["acc"]},
    "dict": lambda: {"loss": {"logits": crossentropy}},
    "weight": lambda: {"loss": crossentropy, "loss_weights": 0.3},
    "own Loss": lambda: {"loss": Squares(), "weighted_metrics": ["accuracy"]},
}


class Squares(keras.losses.Loss):
    """A value for each label, so that it counts 3 positions per row."""

    def call(self, y_true, y_pred):
        return ops.square(ops.one_hot(ops.cast(y_true, "int32"), LABELS) - y_pred)


@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_whatever_compile_may_say_of_one_output(name):
    assert_like_keras(lambda: Heads(encoder(), (CHOICE,)), batch("label"), ONE_OUTPUT[name])


TWO_OUTPUTS = {
    "one for all": lambda: {"loss": crossentropy, "metrics": {"tags": ["accuracy"]}},
    "by name": lambda: {
        "loss": {"logits": crossentropy, "tags": keras.losses.SparseCategoricalCrossentropy(True, reduction="sum")},
        "loss_weights": {"logits": 0.3, "tags": 0.01},
        "metrics": {"logits": ["accuracy"], "tags": ["accuracy"]},
        "weighted_metrics": {"tags": [keras.metrics.SparseTopKCategoricalAccuracy(k=2)]},
    },
    "for one of them": lambda: {"loss": {"tags": crossentropy}, "metrics": {"logits": ["accuracy"]}},
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")  # Keras's, of the output without a loss
@pytest.mark.parametrize("name", TWO_OUTPUTS)
def test_whatever_compile_may_say_of_two_outputs(name):
    x, y, weights = batch("two")
    data = x, y, {"logits": np.ones(5, "float32"), **weights}
    assert_like_keras(lambda: Heads(encoder(), (CHOICE, TOKENS)), data, TWO_OUTPUTS[name])


def test_weights_for_some_outputs_are_enough():
    x, y, some = batch("two")
    found = []
    for weights in (some, {"logits": np.ones(5, "float32"), **some}):
        model = Heads(encoder(), (CHOICE, TOKENS))
        model.compile(keras.optimizers.SGD(RATE), run_eagerly=True)
        logs = model.train_on_batch(x, y, weights, return_dict=True)
        found.append((list(logs.values()), weights_of(model)))
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_class_weights_are_keras_own():
    chosen = {0: 0.2, 1: 3.0, 2: 1.0}
    assert_like_keras(classifier, batch("label"), lambda: {"loss": crossentropy}, class_weight=chosen)


def test_what_layers_add_counts_once():
    assert_like_keras(lambda: Penalised(encoder()), batch("label"), lambda: {"loss": crossentropy}, accumulate=(3,))


class Small(FeatureExtractor):
    """Its loss has no targets."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return ops.mean(ops.square(y_pred["pooled_output"]))


def test_a_loss_of_a_subclass_is_weighed_by_rows():
    for count in (1, 2, 3):
        model = classifier(OwnLoss)
        history, weights = trained(model, batch("label"), rows=5, accumulate=count)
        if count == 1:
            once, first = history, weights
        assert history["loss"] == pytest.approx(once["loss"], rel=1e-5)
        np.testing.assert_allclose(weights, first, atol=1e-6)
    x, y = batch("label")
    logits = classifier(OwnLoss)(x).numpy()
    mean = np.mean((np.eye(LABELS)[y] - logits) ** 2) + np.abs(logits).mean()
    assert once["loss"][0] == pytest.approx(mean, rel=1e-5)


def test_a_loss_of_a_subclass_needs_no_targets():
    model = Small(encoder())
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    losses = model.fit(batch("label")[0], epochs=3, batch_size=5, verbose=0).history["loss"]
    assert losses[2] < losses[0]


class OwnStep(TextClassifier):
    """Keras's example of an own train step."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        return {"own": 2.0 * loss}


def test_a_train_step_of_a_subclass_is_used():
    compiled = {"loss": crossentropy, "metrics": []}
    history, weights = trained(classifier(OwnStep), batch("label"), rows=5, **compiled)
    expected, true = trained(classifier(), batch("label"), rows=5, **compiled)
    assert history["own"] == pytest.approx([2 * loss for loss in expected["loss"]], rel=1e-5)
    np.testing.assert_allclose(weights, true, atol=1e-6)


def test_several_steps_of_one_execution_are_refused():
    with pytest.raises(ConfigError, match="steps_per_execution is 2: use 1, or leave it out"):
        classifier().compile(steps_per_execution=2)


def test_frozen_layers_stay():
    model = classifier()
    model.encoder.trainable = False
    before = [weight.numpy() for weight in model.encoder.weights]
    trained(model, batch("label"))
    for weight, value in zip(model.encoder.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_a_keras_file_keeps_what_compile_was_given(tmp_path):
    model = classifier()
    model.compile("sgd", "mse", accumulate=3, recompute=True, jit_compile=False, metrics=["mae"])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (again.accumulate, again.recompute, again.jit_step, again.loss) == (3, True, False, "mse")
    assert again.get_compile_config() == model.get_compile_config()


def test_a_model_without_a_loss_says_so():
    model = FeatureExtractor(encoder())
    model.compile(run_eagerly=True)
    with pytest.raises(ConfigError, match=r"feature_extractor\w* has no loss: give compile one"):
        model.fit(*batch("pooled"), verbose=0)


def test_every_kind_of_output_has_its_usual_loss():
    axes = {(each.bar, each.axis) for name in NAMES for each in outputs_of(name)}
    assert {bar for bar, _ in axes} <= USUAL.keys() | {"vector"}
    assert usual_losses((Output("embedding", "row", "vector"),)) == dict.fromkeys(
        ("loss", "metrics", "weighted_metrics")
    )
    names = {kind: metric().name for kind, (_, metric) in USUAL.items() if metric}
    choices = dict.fromkeys(("choice", "position", "example"), "accuracy")
    assert names == {**choices, "choices": "binary_accuracy", "positions": "best_position", "number": "mae"}
    assert USUAL.keys() - names.keys() == {"similarity"}  # the task's figures tell more than a mean over batches
    usual = usual_losses((CHOICE, TOKENS, Output("vector", "row", "vector")))
    assert {name: loss.reduction for name, loss in usual["loss"].items()} == {
        "logits": "sum_over_batch_size",
        "tags": "mean_with_sample_weight",
    }
    assert (usual["metrics"].keys(), usual["weighted_metrics"].keys()) == ({"logits"}, {"tags"})


def outputs_of(name: str) -> tuple[Output, ...]:
    task = task_named(name)
    given = {"max_length": 8, "labels": ("a", "b"), "decoder_start_token_id": 2, "eos_token_id": 3}
    known = task.Settings.__dataclass_fields__
    settings = task.Settings(**{each: value for each, value in given.items() if each in known})
    return (task.training_graph(settings) if task.training_graph else task.graphs(settings)[0]).outputs
