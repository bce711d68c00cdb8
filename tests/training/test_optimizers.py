"""AdamW and LAMB against their formulas in NumPy, what they decay, and at which rate each layer learns."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert import BertEncoder, PretrainingModel, TextClassifier
from kerasbert.errors import ConfigError
from kerasbert.training.optimizers import OPTIMIZERS, AdamW, adamw, make_optimizer

BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-6
SHAPES = {
    "embeddings/table": (5, 3),
    "block_0/kernel": (3, 4),
    "block_0/bias": (4,),
    "block_1/kernel": (4, 4),
    "block_1/gamma": (4,),
    "classifier/kernel": (4, 2),
    "classifier/bias": (2,),
}
EXPONENTS = {"embeddings": 3, "block_0": 2, "block_1": 1, "classifier": 0}
"""Of the layer decay: one for the last block, one more for each block below, one more for the embeddings."""


def numpy_steps(name, weights, gradients, rates, *, decay, clip=None, layer_decay=1.0):
    """AdamW (arXiv 1711.05101, algorithm 2) or LAMB (arXiv 1904.00962, algorithm 2) in float64.

    Gradients are scaled to a joint norm of `clip` at most. Vectors have neither decay nor trust ratio.

    Args:
        weights: arrays by path. gradients: such a dict a step. rates: a learning rate a step.
    """
    weights = {path: value.astype("float64") for path, value in weights.items()}
    m = {path: np.zeros_like(value) for path, value in weights.items()}
    v = {path: np.zeros_like(value) for path, value in weights.items()}
    for t, (step, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        norm = np.sqrt(sum(np.sum(np.square(g, dtype="float64")) for g in step.values()))
        for path, gradient in step.items():
            g = gradient * (1.0 if clip is None else min(1.0, clip / norm))
            m[path] = BETA_1 * m[path] + (1 - BETA_1) * g
            v[path] = BETA_2 * v[path] + (1 - BETA_2) * g**2
            update = m[path] / (1 - BETA_1**t) / (np.sqrt(v[path] / (1 - BETA_2**t)) + EPSILON)
            if gradient.ndim > 1:
                update += decay * weights[path]
                if name == "lamb":
                    update *= np.linalg.norm(weights[path]) / np.linalg.norm(update)
            weights[path] = weights[path] - rate * layer_decay ** EXPONENTS[path.split("/")[0]] * update
    return weights


def numbers(steps=6, size=1.0):
    """Weights by path, and such a dict of gradients a step."""
    random = np.random.default_rng(0)
    weights, *gradients = (
        {path: random.normal(size=shape).astype("float32") for path, shape in SHAPES.items()} for _ in range(1 + steps)
    )
    return weights, [{path: np.float32(size) * value for path, value in step.items()} for step in gradients]


def variable_at(path, value):
    scope, name = path.split("/")
    with keras.name_scope(scope):
        return keras.Variable(value, name=name)


def settings(**others):
    return {"learning_rate": 0.02, "beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON, "weight_decay": 0.1} | others


def assert_same(variables, expected):
    """Up to what 1 - beta ** step loses in float32."""
    for variable, (path, value) in zip(variables, expected.items(), strict=True):
        np.testing.assert_allclose(variable, value, rtol=2e-5, atol=1e-5, err_msg=path)


@pytest.mark.parametrize("size", [0.1, 100.0], ids=["gradients below the clip", "gradients clipped"])
@pytest.mark.parametrize("layer_decay", [None, 0.7])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_some_steps_equal_the_formula(name, layer_decay, size):
    weights, gradients = numbers(size=size)
    variables = [variable_at(path, value) for path, value in weights.items()]
    optimizer = make_optimizer(name, **settings(steps=6, warmup=2, clip_norm=5.0, layer_decay=layer_decay))
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in step.values()], variables)
    rates = np.interp(range(6), [0, 2, 6], [0, 0.02, 0])
    assert_same(
        variables, numpy_steps(name, weights, gradients, rates, decay=0.1, clip=5.0, layer_decay=layer_decay or 1.0)
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_by_xla_the_steps_are_the_same(name):
    weights, gradients = numbers()
    variables = [variable_at(path, value) for path, value in weights.items()]
    optimizer = make_optimizer(name, **settings(clip_norm=None, layer_decay=0.7))
    optimizer.build(variables)
    step = tf.function(lambda *gradients: optimizer.apply(gradients, variables), jit_compile=True)
    for gradient in gradients:
        step(*gradient.values())
    assert_same(variables, numpy_steps(name, weights, gradients, [0.02] * 6, decay=0.1, layer_decay=0.7))


ELSEWHERE = {
    "jax": """
        import jax

        state = [v.value for v in optimizer.variables]
        values = [v.value for v in variables]
        update = jax.jit(optimizer.stateless_apply)
        for step in gradients:
            values, state = update(state, step, values)
        for variable, value in zip(variables, values):
            variable.assign(value)
    """,
    # Keras sums the gradients of the replicas.
    "tensorflow": """
        import tensorflow as tf

        def run(*step):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            share = tf.where(replica == 0, 0.25, 0.75)
            optimizer.apply([share * gradient for gradient in step], variables)

        run_all = tf.function(lambda *step: tf.distribute.get_strategy().run(run, step))
        for step in gradients:
            run_all(*step)
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("backend", ELSEWHERE)
def test_on_jax_and_on_two_replicas_the_steps_are_the_same(backend, name, tmp_path):
    pytest.importorskip(backend)
    weights, gradients = numbers(steps=3)
    np.savez(tmp_path / "weights.npz", **weights)
    np.savez(tmp_path / "gradients.npz", **{path: np.stack([step[path] for step in gradients]) for path in SHAPES})
    start = """
        import contextlib
        import sys
        import keras
        import numpy as np
        from kerasbert.training.optimizers import make_optimizer

        name, folder = sys.argv[1:]
        scope = contextlib.nullcontext()
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
            )
            scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
        paths, gradients = zip(*np.load(folder + "/gradients.npz").items())
        gradients = [list(step) for step in zip(*gradients)]
        weights = np.load(folder + "/weights.npz")
        with scope:
            variables = []
            for path in paths:
                with keras.name_scope(path.split("/")[0]):
                    variables.append(keras.Variable(weights[path], name=path.split("/")[1]))
            optimizer = make_optimizer(
                name,
                learning_rate=0.02, beta_1=0.9, beta_2=0.99, epsilon=1e-6, weight_decay=0.1, clip_norm=None,
                steps=3, warmup=1, schedule="polynomial", layer_decay=0.7,
            )
            optimizer.build(variables)
    """
    steps = ELSEWHERE[backend].replace("\n", "\n    ") if backend == "tensorflow" else ELSEWHERE[backend]
    save = "        np.savez(folder + '/after.npz', **{p: np.asarray(v) for p, v in zip(paths, variables)})\n"
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", "if True:" + start + steps + "\n" + save, name, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    rates = [0, 0.02, 0.02 * np.sqrt(0.5)]
    expected = numpy_steps(name, weights, gradients, rates, decay=0.1, layer_decay=0.7)
    after = np.load(tmp_path / "after.npz")
    assert_same([after[path] for path in expected], expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_of_a_table_that_occur_twice_count_as_one_gradient(name):
    """TensorFlow gives the gradient of a lookup as rows; Keras alone squares each of them (and clips by their norm)."""
    start = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    factors = np.array([[1.0, 2.0], [3.0, -4.0], [0.0, 1.0], [1.0, 1.0]], dtype="float32")
    table = variable_at("embeddings/table", start)
    optimizer = make_optimizer(name, **settings(clip_norm=1.5))
    dense = np.zeros_like(start)
    np.add.at(dense, [1, 1, 1, 2], factors)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table.value, [1, 1, 1, 2]) * factors)
        gradient = tape.gradient(loss, table.value)
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply([gradient], [table])
    path = {"embeddings/table": start}
    assert_same([table], numpy_steps(name, path, [{"embeddings/table": dense}] * 3, [0.02] * 3, decay=0.1, clip=1.5))


def test_weights_of_zero_learn_with_lamb_at_the_plain_rate():
    variable = keras.Variable(np.zeros((2, 2), "float32"))
    gradient = keras.ops.convert_to_tensor([[1.0, -1.0], [0.0, 2.0]])
    make_optimizer("lamb", learning_rate=0.5).apply([gradient], [variable])
    np.testing.assert_allclose(variable, [[-0.5, 0.5], [0.0, -0.5]], rtol=2e-5)
    make_optimizer("lamb", learning_rate=0.5, weight_decay=0.0).apply([keras.ops.zeros((2, 2))], [variable])
    np.testing.assert_allclose(variable, [[-0.5, 0.5], [0.0, -0.5]], rtol=2e-5)  # no 0 / 0 either


ENCODER = [
    "embeddings/word_embeddings",
    "embeddings/position_embeddings",
    "embeddings/token_type_embeddings",
    *(
        f"block_{block}/{layer}/kernel"
        for block in (0, 1)
        for layer in (
            "attention/query",
            "attention/key",
            "attention/value",
            "attention/output",
            "intermediate",
            "output",
        )
    ),
    "pooler/dense/kernel",
]
MODELS = {
    "classifier": (lambda path: TextClassifier.from_pretrained(path, labels=["a", "b"]), ["classifier/dense/kernel"]),
    "pretraining": (
        lambda path: PretrainingModel(BertEncoder.from_pretrained(path)),
        ["mlm/dense/kernel", "nsp/dense/kernel"],
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_kernels_and_tables_decay_but_no_layer_norm_and_no_bias(model, name, tiny_bert):
    """With no gradient a step is decay alone, so what has changed is what decays."""
    make, heads = MODELS[model]
    variables = make(str(tiny_bert)).trainable_variables
    for variable in variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer = make_optimizer(name, learning_rate=0.5, weight_decay=0.01)
    optimizer.apply([keras.ops.zeros_like(variable) for variable in variables], variables)
    after = {variable.path: np.asarray(variable) for variable in variables}
    assert [path for path, value in after.items() if (value != 1).any()] == [*ENCODER, *heads]
    left = {"adamw": 1 - 0.5 * 0.01, "lamb": 0.5}[name]  # the trust ratio undoes the size of the decay
    for path in (*ENCODER, *heads):
        np.testing.assert_allclose(after[path], left, rtol=1e-6, err_msg=path)


@pytest.mark.parametrize("model", MODELS)
def test_each_layer_of_a_model_has_its_rate(model, tiny_bert):
    """Adam's first step is the rate itself, whatever the gradient."""
    make, _ = MODELS[model]
    variables = make(str(tiny_bert)).trainable_variables
    before = {variable.path: np.asarray(variable) for variable in variables}
    optimizer = adamw(learning_rate=0.1, weight_decay=0.0, clip_norm=None, layer_decay=0.5)
    optimizer.apply([keras.ops.ones_like(variable) for variable in variables], variables)
    expected = {"embeddings": 0.0125, "block_0": 0.025, "block_1": 0.05}
    for variable in variables:
        rate = expected.get(variable.path.split("/")[0], 0.1)
        np.testing.assert_allclose(before[variable.path] - np.asarray(variable), rate, 1e-4, err_msg=variable.path)


def batch():
    ids = np.random.default_rng(0).integers(5, 40, (4, 7)).astype("int32")
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids % 2}, np.arange(4) % 2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_float32_under_mixed_precision(name, policy, tiny_bert):
    model = TextClassifier.from_pretrained(str(tiny_bert), labels=["a", "b"], dtype=policy)
    model.compile(make_optimizer(name, layer_decay=0.9), run_eagerly=True)
    model.train_on_batch(*batch())
    scales = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (policy == "mixed_float16")
    inner = model.optimizer.inner_optimizer if scales else model.optimizer
    state = [variable for variable in inner.variables if len(variable.shape)]
    assert len(state) == 2 * len(model.trainable_variables)
    assert {variable.dtype for variable in state} == {"float32"}
    assert any(np.any(variable) for variable in state)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_survives_saving_with_its_model(name, tiny_bert, tmp_path):
    model = TextClassifier.from_pretrained(str(tiny_bert), labels=["a", "b"])
    options = settings(steps=10, warmup=0, schedule="wsd", end=0.1, clip_norm=2.0, layer_decay=0.5)
    model.compile(make_optimizer(name, **options), run_eagerly=True)
    model.train_on_batch(*batch())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is OPTIMIZERS[name]
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert int(again.optimizer.iterations) == 1
    for path, value in again.optimizer.get_config().items():
        assert path not in options or path == "learning_rate" or value == options[path]
    optimizers = [(m.optimizer, m.trainable_variables) for m in (model, again)]
    for optimizer, variables in optimizers:
        optimizer.apply([keras.ops.ones_like(variable) for variable in variables], variables)
    assert_same(again.weights, {variable.path: np.asarray(variable) for variable in model.weights})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "sgd"}, "optimizer is 'sgd': use one of adamw, lamb"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5: use a number above 0, up to 1, such as 0.9"),
        (
            {"layer_decay": 0.9},
            "layer_decay is 0.9, but none of the 1 variables lies in a block_0, block_1, ...: leave it out",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        make_optimizer(**options).build([keras.Variable([1.0], name="bias")])
    assert str(caught.value) == message


def test_a_rate_without_steps_is_constant_and_can_be_set():
    optimizer = adamw(learning_rate=0.5)
    assert isinstance(optimizer, AdamW)
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
