"""Each layer against its formula."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasbert import config
from kerasbert.layers.attention import Attention, AttentionBias, CacheAttentionBias, CausalAttentionBias
from kerasbert.layers.dense import ACTIVATIONS, dense
from kerasbert.layers.embeddings import Embeddings, sinusoids
from kerasbert.layers.heads import POOLINGS, AdditivePooling, ClassificationHead, MaskedLMHead, MeanPooling
from kerasbert.layers.layer_norm import LayerNorm

POINTS = np.linspace(-6, 6, 49).astype("float32")
FORMULAS = {
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_pytorch_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "silu": lambda x: x / (1 + math.exp(-x)),
}
X = np.random.default_rng(0).normal(0, 1, (3, 4, 6)).astype("float32")
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], "int32")


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_is_its_formula(name):
    np.testing.assert_allclose(ACTIVATIONS[name](POINTS), [FORMULAS[name](float(x)) for x in POINTS], atol=2e-6)


def test_each_activation_that_a_config_may_name_is_there():
    assert set(ACTIVATIONS) - {None} == set(config.ACTIVATIONS) == set(FORMULAS)


def test_layer_norm_is_its_formula():
    layer = LayerNorm(epsilon=1e-3)
    layer.build(X.shape)
    gamma, beta = np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6)
    layer.set_weights([gamma, beta])
    wanted = (X - X.mean(-1, keepdims=True)) / np.sqrt(X.var(-1, keepdims=True) + 1e-3) * gamma + beta
    np.testing.assert_allclose(layer(X), wanted, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_layer_norm_in_float16_survives_large_and_constant_inputs(policy):
    x = np.stack([np.linspace(-3e4, 3e4, 64), np.full(64, 7.0)])
    found = np.asarray(LayerNorm(epsilon=1e-12, dtype=policy)(x), "float32")
    assert np.isfinite(found).all()
    assert found[0].std() == pytest.approx(1, abs=0.01)


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(5, 6)
    for position in range(5):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            assert table[position, 2 * i : 2 * i + 2] == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-6)


def embeddings(**changes) -> Embeddings:
    return Embeddings(**{"vocab_size": 11, "hidden_size": 6, "max_positions": 8, "epsilon": 1e-12, **changes})


@pytest.mark.parametrize("offset", [0, 2])
def test_embeddings_are_the_normalised_sum_of_three_rows(offset):
    layer, ids, types = embeddings(position_offset=offset), np.array([[4, 9, 3]]), np.array([[0, 1, 1]])
    layer.build(ids.shape)
    words, positions, segments = (np.asarray(t) for t in (layer.word_table, layer.position_table, layer.type_table))
    total = words[ids] + positions[offset : offset + 3] + segments[types]
    wanted = (total - total.mean(-1, keepdims=True)) / total.std(-1, keepdims=True)
    np.testing.assert_allclose(layer(ids, types), wanted, atol=1e-4)


@pytest.mark.parametrize("offset", [0, 2])
def test_positions_that_are_given_count_from_the_first_row_of_a_text(offset):
    """As in packed rows, where positions begin anew with each instance."""
    layer, ids = embeddings(position_offset=offset), np.array([[4, 9, 3, 4, 9]])
    layer.build(ids.shape)
    packed = layer(ids, np.zeros_like(ids), np.array([[0, 1, 2, 0, 1]]))
    alone = layer(ids[:, :3], np.zeros_like(ids[:, :3]))
    np.testing.assert_allclose(packed[:, :3], alone, atol=1e-6)
    np.testing.assert_allclose(packed[:, 3:], alone[:, :2], atol=1e-6)


def test_padding_in_a_text_takes_no_position_where_it_has_a_row_of_its_own():
    layer, ids = embeddings(position_offset=2), np.array([[4, 1, 9, 1, 1, 3]])
    layer.build(ids.shape)
    given = np.array([[0, -1, 1, -1, -1, 2]])  # -1: the row before that of the first token
    np.testing.assert_allclose(layer(ids), layer(ids, None, given), atol=1e-6)


def test_embeddings_without_segments_given_take_the_first_row():
    layer, ids = embeddings(), np.array([[4, 9, 1]])
    np.testing.assert_allclose(layer(ids), layer(ids, np.zeros_like(ids)), atol=1e-6)


def test_more_tokens_than_positions_are_refused():
    with pytest.raises(ValueError, match="7 tokens are more than the 6 positions"):
        embeddings(position_offset=2)(np.ones((1, 7), "int32"))


def test_sinusoidal_positions_are_not_trained():
    layer = embeddings(sinusoidal=True)
    layer.build((1, 3))
    assert "position_embeddings" not in {weight.name for weight in layer.trainable_weights}


def test_attention_bias_is_zero_for_words_and_far_below_for_padding():
    np.testing.assert_array_equal(AttentionBias()(MASK)[:, 0, 0], np.where(MASK, 0, -1e4))


def test_a_token_sees_itself_and_the_tokens_before_it():
    later = np.triu(np.ones((4, 4)), 1)
    np.testing.assert_array_equal(CausalAttentionBias()(MASK)[0, 0], later * -1e4)


def test_a_token_sees_the_filled_places_of_a_cache_and_itself():
    found = CacheAttentionBias()(np.array([0, 2, 3]), X[:, :3])
    np.testing.assert_array_equal(found[:, 0, 0], np.array([[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]) * -1e4)


@pytest.mark.parametrize("heads", [1, 3])
def test_additive_scores_are_those_of_keras_in_each_head(heads):
    layer = Attention(hidden_size=6, num_heads=heads, score="additive", stddev=0.5)
    layer.build(X.shape)
    layer.output_dense.kernel.assign(np.eye(6))
    found = layer(X, AttentionBias()(MASK), X[:, :2] + 1)
    q, k, v = layer.query(X[:, :2] + 1), layer.key(X), layer.value(X)
    for head in range(heads):
        part = slice(head * 6 // heads, (head + 1) * 6 // heads)
        oracle = keras.layers.AdditiveAttention(use_scale=True)
        oracle.build([x[..., part].shape for x in (q, v, k)])
        oracle.scale.assign(layer.scale[head, 0, 0])
        wanted = oracle([x[..., part] for x in (q, v, k)], mask=[None, MASK.astype(bool)])
        np.testing.assert_allclose(found[..., part], wanted, atol=1e-5)


def test_attention_is_the_mean_of_the_values_where_all_scores_are_equal():
    layer = Attention(hidden_size=6, num_heads=3)
    layer.build(X.shape)
    layer.query.kernel.assign(np.zeros((6, 6)))
    for one in (layer.value, layer.output_dense):
        one.kernel.assign(np.eye(6))
    wanted = (X * MASK[..., None]).sum(1, keepdims=True) / MASK.sum(1)[:, None, None]
    np.testing.assert_allclose(layer(X, AttentionBias()(MASK)), np.repeat(wanted, 4, axis=1), atol=1e-6)


def test_a_row_of_padding_alone_gives_numbers():
    layer = Attention(hidden_size=6, num_heads=3)
    assert np.isfinite(layer(X, AttentionBias()(np.zeros_like(MASK)))).all()
    for pooling in POOLINGS.values():
        assert np.isfinite(pooling()(X, np.zeros_like(MASK))).all()


def test_mean_pooling_is_the_mean_of_the_words():
    wanted = np.stack([row[mask == 1].mean(0) for row, mask in zip(X, MASK, strict=True)])
    np.testing.assert_allclose(MeanPooling()(X, MASK), wanted, atol=1e-6)
    few = (np.arange(512) < 2).astype("int32")[None]  # two words in the longest row
    long = np.random.default_rng(1).normal(0, 1, (1, 512, 6)).astype("float32")
    np.testing.assert_allclose(MeanPooling()(long, few), long[:, :2].mean(1), atol=1e-5)


def test_additive_pooling_is_its_formula_over_the_words():
    layer = AdditivePooling()
    layer.build(X.shape)
    layer.score.kernel.assign(np.linspace(-3, 3, 6)[:, None])
    layer.hidden.kernel.assign(np.random.default_rng(3).normal(0, 1, (6, 6)))
    for x, mask, found in zip(X, MASK, layer(X, MASK), strict=True):
        words = x[mask == 1]
        weights = np.exp(np.tanh(words @ layer.hidden.kernel.numpy()) @ layer.score.kernel.numpy())
        np.testing.assert_allclose(found, (words * weights).sum(0) / weights.sum(), atol=1e-5)


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_does_not_see_padding(name):
    pool = POOLINGS[name]()
    noisy = np.where(MASK[..., None] == 1, X, 1e3).astype("float32")
    np.testing.assert_allclose(pool(X, MASK), pool(noisy, MASK), atol=1e-6)


def test_masked_word_head_reads_the_positions_and_the_tied_table():
    tied = embeddings()
    head = MaskedLMHead(embeddings=tied)
    every = np.tile(np.arange(4), (3, 1))
    some = np.array([[3, 0], [1, 1], [2, 3]])
    whole, part = head(X, every), head(X, some)
    np.testing.assert_allclose(part, np.take_along_axis(np.asarray(whole), some[..., None], axis=1), atol=1e-6)
    tied.word_table.assign(ops.zeros_like(tied.word_table))
    head.bias.assign(np.arange(11))
    np.testing.assert_array_equal(head(X, some), np.broadcast_to(np.arange(11), (3, 2, 11)))


def test_fresh_kernels_have_the_deviation_asked_for():
    layer = dense(400, stddev=0.05)
    layer.build((None, 300))
    kernel = layer.kernel.numpy()
    assert np.abs(kernel).max() <= 0.1  # truncated at two deviations,
    assert kernel.std() == pytest.approx(0.05 * 0.8796, rel=0.02)  # which leaves this much of it
    assert not layer.bias.numpy().any()


def test_dropout_of_embeddings_drops_its_share_and_scales_the_rest():
    layer = embeddings(hidden_size=64, dropout=0.3)
    ids = np.random.default_rng(0).integers(0, 11, (50, 8))
    still, trained = layer(ids, training=False), np.asarray(layer(ids, training=True))
    assert (trained == 0).mean() == pytest.approx(0.3, abs=0.01)  # 25,600 draws: 3 deviations are 0.009
    np.testing.assert_allclose(trained[trained != 0], np.asarray(still)[trained != 0] / 0.7, rtol=1e-5)


def test_dropout_of_attention_drops_whole_probabilities():
    layer = Attention(hidden_size=4, num_heads=4, dropout=0.25)
    x = np.ones((1500, 2, 4), "float32")
    bias = AttentionBias()(np.tile([[1, 0]], (1500, 1)))  # each head has one probability, of 1
    layer.build(x.shape)
    for one in (layer.value, layer.output_dense):
        one.kernel.assign(np.eye(4))
    np.testing.assert_allclose(layer(x, bias, training=False), 1, atol=1e-6)
    trained = np.asarray(layer(x, bias, training=True))
    assert set(np.unique(trained.round(4))) == {np.float32(0), np.float32(1.3333)}
    assert (trained == 0).mean() == pytest.approx(0.25, abs=0.012)  # 12,000 draws: 3 deviations


def test_dropout_of_a_classifier_is_for_training_only():
    layer, x = ClassificationHead(num_labels=2, dropout=0.5), X[:, 0]
    np.testing.assert_array_equal(layer(x), layer(x, training=False))
    assert (np.asarray(layer(x, training=True)) != np.asarray(layer(x))).any()
