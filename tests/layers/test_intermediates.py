"""Intermediate tensors by name: observed, replaced, and free where nobody asks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_vocabulary
from families import small_encoder, tokenizer_of

from kerasbert.layers.intermediates import observed, replaced


@pytest.fixture(scope="module")
def encoder():
    return small_encoder("bert", tokenizer_of("bert", small_vocabulary()))


@pytest.fixture(scope="module")
def inputs(encoder):
    return encoder.tokenizer(["the film was good", "no"])


def test_every_tensor_has_a_name(encoder, inputs):
    with observed("*") as seen:
        encoder(inputs)
    attention = [f"block_0/attention/{what}" for what in ("queries", "keys", "values", "weights")]
    assert list(seen) == ["embeddings/words", "embeddings/output", *attention, "block_0/output"]
    assert {tuple(x.shape) for name, x in seen.items() if "attention" not in name} == {(2, 6, 16)}
    assert {tuple(seen[name].shape) for name in attention[:3]} == {(2, 2, 6, 8)}


def test_names_stand_for_what_they_say(encoder, inputs):
    with observed("*") as seen:
        outputs = encoder(inputs)
    found = {name.removeprefix("block_0/attention/"): np.asarray(x) for name, x in seen.items()}
    np.testing.assert_array_equal(found["block_0/output"], outputs["sequence_output"])
    embedded = keras.Model(encoder.input, encoder.get_layer("embeddings").output)(inputs)
    np.testing.assert_allclose(found["embeddings/output"], embedded, atol=1e-6)
    table = np.asarray(encoder.embeddings.word_table)
    np.testing.assert_array_equal(found["embeddings/words"], table[inputs["input_ids"]])
    scores = found["queries"] @ found["keys"].transpose(0, 1, 3, 2) / np.sqrt(8)
    scores = np.where(inputs["attention_mask"][:, None, None] == 1, scores, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(found["weights"], weights, atol=1e-5)
    attention = encoder.blocks[0].attention
    context = attention.output_dense(attention.merge(found["weights"] @ found["values"]))
    wanted = encoder.blocks[0].attention(embedded, np.where(inputs["attention_mask"], 0.0, -1e4)[:, None, None])
    np.testing.assert_allclose(context, wanted, atol=1e-5)


def test_only_what_is_asked_for_is_seen(encoder, inputs):
    with observed("block_*/attention/weights", "block_0/output") as seen:
        encoder(inputs)
    assert list(seen) == ["block_0/attention/weights", "block_0/output"]
    with observed() as nothing:
        encoder(inputs)
    assert nothing == {}


def test_a_compiled_function_returns_what_it_observes(encoder, inputs):
    @tf.function
    def compiled(batch):
        with observed("block_0/attention/weights") as seen:
            encoder(batch)
        return seen

    with observed("block_0/attention/weights") as seen:
        encoder(inputs)
    found = compiled({name: tf.constant(x) for name, x in inputs.items()})
    np.testing.assert_allclose(found["block_0/attention/weights"], seen["block_0/attention/weights"], atol=1e-6)


def test_a_graph_is_the_same_where_nobody_asks(encoder, inputs):
    def operations(*patterns) -> list[str]:
        @tf.function
        def compiled(batch):
            with observed(*patterns):
                return encoder(batch)

        graph = compiled.get_concrete_function({name: tf.constant(x) for name, x in inputs.items()}).graph
        return [each.type for each in graph.get_operations()]

    assert operations() == operations("*")


def test_a_replaced_tensor_is_computed_with(encoder, inputs):
    others = {**inputs, "input_ids": inputs["input_ids"][::-1].copy()}
    with observed("embeddings/words") as seen:
        encoder(others)
    with replaced(seen):
        found = encoder(inputs)["sequence_output"]
    np.testing.assert_allclose(found, encoder(others)["sequence_output"], atol=1e-6)
    usual = encoder(inputs)["sequence_output"]
    assert np.abs(np.asarray(found) - np.asarray(usual)).max() > 0.01


def test_a_layer_that_is_called_twice_is_refused(encoder, inputs):
    with observed("block_0/output"):
        encoder(inputs)
        with pytest.raises(ValueError, match="block_0/output was computed twice"):
            encoder(inputs)
