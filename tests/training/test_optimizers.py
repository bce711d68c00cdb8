"""AdamW against its formula in NumPy, and what it decays."""

import keras
import numpy as np
import pytest

from kerasbert import TextClassifier
from kerasbert.training.optimizers import adamw

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def numpy_adamw(weights, gradients, rates, *, decay, clip):
    """Loshchilov and Hutter 2019, algorithm 2, on gradients scaled to a joint norm of `clip` at most.

    Args:
        weights: arrays by name. gradients: such a dict a step. rates: a learning rate a step.
        decay: by name.
    """
    weights = {name: value.astype("float64") for name, value in weights.items()}
    m = {name: np.zeros_like(value) for name, value in weights.items()}
    v = {name: np.zeros_like(value) for name, value in weights.items()}
    for t, (step, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        norm = np.sqrt(sum(np.sum(np.square(g, dtype="float64")) for g in step.values()))
        for name, gradient in step.items():
            g = gradient * min(1.0, clip / norm)
            m[name] = BETA_1 * m[name] + (1 - BETA_1) * g
            v[name] = BETA_2 * v[name] + (1 - BETA_2) * g**2
            m_hat, v_hat = m[name] / (1 - BETA_1**t), v[name] / (1 - BETA_2**t)
            weights[name] -= rate * (m_hat / (np.sqrt(v_hat) + EPSILON) + decay[name] * weights[name])
    return weights


@pytest.mark.parametrize("size", [0.1, 100.0], ids=["gradients below the clip", "gradients clipped"])
@pytest.mark.parametrize("steps", [None, 6], ids=["constant rate", "warm-up and decay"])
def test_some_steps_equal_the_formula(size, steps):
    random = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    start = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    gradients = [
        {name: (size * random.normal(size=shape)).astype("float32") for name, shape in shapes.items()} for _ in range(6)
    ]
    variables = [keras.Variable(value, name=name) for name, value in start.items()]
    optimizer = adamw(learning_rate=0.02, steps=steps, warmup=0.34, weight_decay=0.1, clip_norm=1.5)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in step.values()], variables)
    rates = [0.02] * 6 if steps is None else np.interp(range(6), [0, 2, 6], [0, 0.02, 0])
    expected = numpy_adamw(start, gradients, rates, decay={"kernel": 0.1, "bias": 0.0}, clip=1.5)
    for variable, value in zip(variables, expected.values(), strict=True):
        np.testing.assert_allclose(variable, value, rtol=2e-5, atol=2e-6)


def test_kernels_and_tables_decay_but_no_layer_norm_and_no_bias(tiny_bert):
    """With no gradient a step is decay alone, so what has changed is what decays."""
    model = TextClassifier.from_pretrained(str(tiny_bert), labels=["a", "b"])
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer = adamw(learning_rate=0.5, weight_decay=0.01)
    optimizer.apply([keras.ops.zeros_like(variable) for variable in variables], variables)
    after = {variable.path: np.asarray(variable) for variable in variables}
    decayed = {path for path, value in after.items() if (value != 1).any()}
    assert all(
        value == pytest.approx(1 - 0.5 * 0.01) for path in decayed for value in (after[path].min(), after[path].max())
    )
    assert {path.split("/")[-1] for path in decayed} == {
        "kernel",
        "word_embeddings",
        "position_embeddings",
        "token_type_embeddings",
    }
    kept = set(after) - decayed
    assert {path.split("/")[-1] for path in kept} == {"bias", "gamma", "beta"}
    assert "classifier/dense/kernel" in decayed
    assert {path for path in kept if "norm" not in path} == {path for path in after if path.endswith("/bias")}


def test_the_optimizer_survives_saving_with_its_model(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(adamw(steps=10), loss="mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(again.optimizer.iterations) == 1
    assert float(again.optimizer.learning_rate) == float(model.optimizer.learning_rate)
