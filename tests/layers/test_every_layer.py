"""What is true of every layer: shapes, weights, the round trip of its config, mixed precision, learning."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert.layers.attention import (
    Attention,
    AttentionBias,
    CacheAttentionBias,
    CausalAttentionBias,
    PackedAttentionBias,
)
from kerasbert.layers.embeddings import Embeddings
from kerasbert.layers.heads import (
    AdditivePooling,
    ClassificationHead,
    FirstToken,
    MaskedLMHead,
    MeanPooling,
    Pooler,
    UnitLength,
)
from kerasbert.layers.layer_norm import LayerNorm
from kerasbert.layers.transformer import TransformerBlock

IDS = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0]], "int32")
TYPES = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]], "int32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")
POSITIONS = np.array([[0, 4, 2], [1, 2, 0]], "int32")
X = np.random.default_rng(0).normal(0, 1, (2, 5, 8)).astype("float32")
QUERIES = X[:, :3]
BIAS = ((1 - MASK) * -1e4).astype("float32")[:, None, None]

TABLES = {"vocab_size": 11, "hidden_size": 8, "max_positions": 6}
DENSE = ("kernel", "bias")
ATTENTION = [f"{layer}/{leaf}" for layer in ("query", "key", "value", "output") for leaf in DENSE]
NORM = ("gamma", "beta")
BLOCK = [f"attention/{path}" for path in ATTENTION]
BLOCK += [f"{layer}/{leaf}" for layer in ("intermediate", "output") for leaf in DENSE]
BLOCK += [f"{layer}/{leaf}" for layer in ("attention_norm", "output_norm") for leaf in NORM]
CROSS = [f"cross_attention/{path}" for path in ATTENTION] + [f"cross_attention_norm/{leaf}" for leaf in NORM]
WORDS, TYPED = ["word_embeddings", "position_embeddings"], ["token_type_embeddings"]
EMBEDDED = [f"norm/{leaf}" for leaf in NORM]

# A row: the class, its arguments, what it is called with, its weights.
LAYERS = {
    "norm": (LayerNorm, {"epsilon": 1e-6}, (X,), NORM),
    "embeddings": (Embeddings, TABLES, (IDS, TYPES), [*WORDS, *TYPED, *EMBEDDED]),
    "embeddings of roberta": (
        Embeddings,
        {**TABLES, "type_vocab_size": 1, "max_positions": 8, "position_offset": 2},
        (IDS,),
        [*WORDS, *TYPED, *EMBEDDED],
    ),
    "embeddings of distilbert": (
        Embeddings,
        {**TABLES, "type_vocab_size": 0, "sinusoidal": True},
        (IDS,),
        [*WORDS, *EMBEDDED],
    ),
    "bias": (AttentionBias, {}, (MASK,), ()),
    "packed bias": (PackedAttentionBias, {}, (POSITIONS, TYPES), ()),
    "attention of some": (Attention, {"hidden_size": 8, "num_heads": 2}, (X, BIAS, X[:, 1:3]), ATTENTION),
    "attention": (Attention, {"hidden_size": 8, "num_heads": 2}, (X, BIAS), ATTENTION),
    "attention with additive scores": (
        Attention,
        {"hidden_size": 8, "num_heads": 2, "score": "additive"},
        (X, BIAS, QUERIES),
        [*ATTENTION, "scale"],
    ),
    "causal bias": (CausalAttentionBias, {}, (IDS,), ()),
    "bias of a cache": (CacheAttentionBias, {}, (np.array([3, 0], "int32"), X), ()),
    "block": (
        TransformerBlock,
        {"hidden_size": 8, "num_heads": 2, "intermediate_size": 12, "activation": "gelu_new"},
        (X, BIAS),
        BLOCK,
    ),
    "block of some queries": (
        TransformerBlock,
        {"hidden_size": 8, "num_heads": 2, "intermediate_size": 12},
        (X, BIAS, QUERIES),
        BLOCK,
    ),
    "block of a decoder": (
        TransformerBlock,
        {"hidden_size": 8, "num_heads": 2, "intermediate_size": 12, "cross_attention": "dot"},
        (QUERIES, BIAS[..., :3], None, X, BIAS),
        [*BLOCK, *CROSS],
    ),
    "last block of a decoder with the norms first": (
        TransformerBlock,
        {"hidden_size": 8, "num_heads": 2, "intermediate_size": 12, "cross_attention": "additive"}
        | {"norm_first": True, "final_norm": True},
        (QUERIES, BIAS[..., :3], None, X, BIAS),
        [*BLOCK, *CROSS, "cross_attention/scale", "final_norm/gamma", "final_norm/beta"],
    ),
    "embeddings of packed rows": (Embeddings, TABLES, (IDS, TYPES, TYPES), [*WORDS, *TYPED, *EMBEDDED]),
    "first token": (FirstToken, {}, (X,), ()),
    "mean pooling": (MeanPooling, {}, (X, MASK), ()),
    "additive pooling": (AdditivePooling, {}, (X, MASK), ["score/kernel", "hidden/kernel", "hidden/bias"]),
    "unit length": (UnitLength, {}, (X[:, 0],), ()),
    "pooler": (Pooler, {"hidden_size": 8}, (X,), [f"dense/{leaf}" for leaf in DENSE]),
    "masked words": (
        MaskedLMHead,
        {"embeddings": lambda: Embeddings(**TABLES, name="embeddings")},
        (X, POSITIONS),
        [
            "bias",
            *(f"dense/{leaf}" for leaf in DENSE),
            *(f"norm/{leaf}" for leaf in NORM),
            *(f"embeddings/{path}" for path in [*WORDS, *TYPED, *EMBEDDED]),
        ],
    ),
    "classifier": (ClassificationHead, {"num_labels": 3}, (X[:, 0],), [f"dense/{leaf}" for leaf in DENSE]),
    "classifier of roberta": (
        ClassificationHead,
        {"num_labels": 3, "hidden_activation": "tanh"},
        (X[:, 0],),
        [f"{layer}/{leaf}" for layer in ("hidden", "dense") for leaf in DENSE],
    ),
}

WITHOUT_GRADIENT = {
    "key/bias",  # adds the same to all scores of a row, which softmax does not see
    "embeddings/position_embeddings",  # the masked-word head reads the word table alone
    "embeddings/token_type_embeddings",
    "embeddings/norm/gamma",
    "embeddings/norm/beta",
}


def make(layer_class, arguments: dict, **more) -> keras.layers.Layer:
    arguments = {name: value() if callable(value) else value for name, value in arguments.items()}
    return layer_class(**arguments, **more)


def randomise(layer) -> None:
    """Weights that all differ from zero and from each other, the same ones each time."""
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(0, 0.5, weight.shape))


def path_in(layer, weight) -> str:
    """The weight's path below its layer."""
    return weight.path.removeprefix(f"{layer.name}/")


@pytest.fixture(params=LAYERS)
def row(request):
    return LAYERS[request.param]


def test_outputs_have_the_shape_that_the_layer_foretells(row):
    layer_class, arguments, inputs, _ = row
    layer = make(layer_class, arguments)
    output = layer(*inputs)
    assert tuple(layer.compute_output_shape(*(None if x is None else x.shape for x in inputs))) == output.shape

    symbols = [None if x is None else keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in inputs]
    graph = keras.Model([x for x in symbols if x is not None], make(layer_class, arguments)(*symbols))
    assert graph.predict_on_batch([x for x in inputs if x is not None]).shape == output.shape


def test_weights_are_those_that_checkpoints_name(row):
    layer_class, arguments, inputs, paths = row
    layer = make(layer_class, arguments)
    layer(*inputs)
    assert sorted(path_in(layer, weight) for weight in layer.weights) == sorted(paths)


def test_config_makes_the_same_layer_again(row):
    layer_class, arguments, inputs, _ = row
    layer = make(layer_class, arguments)
    layer(*inputs)
    randomise(layer)
    before = layer(*inputs)
    config = json.loads(json.dumps(layer.get_config()))
    twin = layer_class.from_config(config)
    twin(*inputs)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(*inputs), before)
    assert json.loads(json.dumps(twin.get_config())) == config


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
def test_half_precision_computes_in_its_type_and_stays_finite(row, policy):
    layer_class, arguments, inputs, _ = row
    full = make(layer_class, arguments)
    full(*inputs)
    half = make(layer_class, arguments, dtype=policy)
    output = half(*inputs)
    wanted = "float32" if layer_class in (ClassificationHead, MaskedLMHead) else policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(output.dtype) == wanted
    half.set_weights(full.get_weights())
    np.testing.assert_allclose(keras.ops.cast(half(*inputs), "float32"), full(*inputs), rtol=0.01, atol=0.1)
    own = {keras.backend.standardize_dtype(w.dtype) for w in half.weights if "embeddings/" not in w.path}
    assert own <= {"float32" if policy.startswith("mixed_") else policy}


@pytest.mark.parametrize("name", [name for name, (*_, paths) in LAYERS.items() if paths])
def test_a_training_step_reaches_every_weight_and_lowers_the_loss(name):
    layer_class, arguments, inputs, _ = LAYERS[name]
    layer = make(layer_class, arguments)
    layer(*inputs)
    randomise(layer)
    target = np.random.default_rng(2).normal(0, 1, layer(*inputs).shape)

    def loss():
        return tf.reduce_mean(tf.square(layer(*inputs) - target))

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [weight.value for weight in layer.trainable_weights])
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        if not path_in(layer, weight).endswith(tuple(WITHOUT_GRADIENT)):
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-6, weight.path
        if gradient is not None:
            weight.assign_sub(1e-3 * tf.convert_to_tensor(gradient))
    assert loss() < before
