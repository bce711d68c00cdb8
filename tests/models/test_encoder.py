"""The encoder as a Keras model: sizes, saving, policies, its tokenizer."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasbert import BertConfig, BertEncoder, tokenizers
from kerasbert.config import SIZES
from kerasbert.tokenizers import WordPieceTokenizer

# With pooler, 30,522 words, 512 positions, 2 types. Google's table of the sizes has 4.4, 11.3, 29.1, 41.7 and 110 M.
PARAMETERS = {
    "tiny": 4_385_920,
    "mini": 11_170_560,
    "small": 28_763_648,
    "medium": 41_373_184,
    "base": 109_482_240,
    "large": 335_141_888,
}


def by_hand(hidden_size, num_hidden_layers, intermediate_size, **_) -> int:
    """The count that the paper's figures give."""
    norm = 2 * hidden_size
    square = hidden_size * hidden_size + hidden_size
    feed_forward = 2 * hidden_size * intermediate_size + intermediate_size + hidden_size
    return (30522 + 512 + 2) * hidden_size + norm + num_hidden_layers * (4 * square + feed_forward + 2 * norm) + square


def test_no_size_lacks_its_count():
    assert PARAMETERS.keys() == SIZES.keys()
    assert {size: by_hand(**numbers) for size, numbers in SIZES.items()} == PARAMETERS


@pytest.mark.parametrize("size", ["tiny", "mini", pytest.param("base", marks=pytest.mark.slow)])
def test_a_named_size_has_exactly_its_parameters(size):
    assert BertEncoder(BertConfig.from_size(size)).count_params() == PARAMETERS[size]


def small(model_type="bert", **changes) -> BertConfig:
    numbers = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    numbers |= {"intermediate_size": 24, "max_position_embeddings": 20, "model_type": model_type}
    return BertConfig.from_size("tiny", **{**numbers, **changes})


def inputs_for(model, length=7) -> dict:
    ids = np.random.default_rng(length).integers(2, 40, (3, length)).astype("int32")
    mask = (np.arange(length) < np.array([[length], [3], [5]])).astype("int32")
    every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids % 2}
    every["mlm_positions"] = np.array([[1, 2], [2, 0], [3, 1]], "int32")
    return {name: every[name] for name in model.input}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert"])
def test_a_keras_file_gives_the_same_encoder(model_type, policy, tmp_path):
    encoder = BertEncoder(small(model_type), dtype=policy)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    assert type(loaded) is BertEncoder
    assert loaded.config == encoder.config
    assert {layer.dtype_policy.name for layer in loaded.blocks} == {policy}
    inputs = inputs_for(encoder)
    before, after = encoder(inputs), loaded(inputs)
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_a_keras_file_holds_the_tokenizer(tiny_bert, tmp_path):
    encoder = BertEncoder.from_pretrained(tiny_bert)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    texts = ["the lovely film", "Hello, wörld!"]
    np.testing.assert_array_equal(loaded.tokenizer(texts)["input_ids"], encoder.tokenizer(texts)["input_ids"])


def test_weights_alone_are_saved_and_loaded(tmp_path):
    encoder, other = BertEncoder(small()), BertEncoder(small())
    encoder.save_weights(tmp_path / "encoder.weights.h5")
    other.load_weights(tmp_path / "encoder.weights.h5")
    inputs = inputs_for(encoder)
    np.testing.assert_array_equal(encoder(inputs)["pooled_output"], other(inputs)["pooled_output"])


PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "cat"]
ROBERTA = Path(__file__).parents[1] / "parity" / "fixtures" / "roberta"


@pytest.mark.parametrize(
    ("model_type", "segments"), [("bert", 2), ("bert", 1), ("distilbert", 0), ("roberta", 1), ("roberta", 2)]
)
def test_the_model_takes_what_its_tokenizer_gives_also_from_a_keras_file(model_type, segments, tmp_path):
    tokenizer = tokenizers.load(ROBERTA) if model_type == "roberta" else WordPieceTokenizer(PIECES)
    config = small(model_type, vocab_size=tokenizer.vocab_size, type_vocab_size=segments)
    encoder = BertEncoder(config, tokenizer=tokenizer)
    encoder.save(tmp_path / "encoder.keras")
    for model in (encoder, keras.models.load_model(tmp_path / "encoder.keras")):
        inputs = model.tokenizer([("dog", "cat"), ("cat dog cat", "dog")])
        assert inputs.keys() == model.input.keys()
        assert model(inputs)["sequence_output"].shape == (*inputs["input_ids"].shape, 16)


def test_models_of_two_families_may_share_a_tokenizer():
    tokenizer = WordPieceTokenizer(PIECES)
    for model_type in ("bert", "distilbert", "bert"):
        encoder = BertEncoder(small(model_type, vocab_size=7), tokenizer=tokenizer)
        assert encoder.tokenizer(["dog"]).keys() == encoder.input.keys()
    assert "token_type_ids" in tokenizer(["dog"])


@pytest.mark.parametrize(
    ("pooler", "names"), [(True, {"sequence_output", "pooled_output"}), (False, {"sequence_output"})]
)
def test_the_pooler_may_be_left_out(pooler, names):
    assert set(BertEncoder(small(), pooler=pooler).output) == names


def test_intermediates_are_found_by_name():
    encoder = BertEncoder(small())
    names = ["embeddings", "block_0", "block_1"]
    probe = keras.Model(encoder.input, {name: encoder.get_layer(name).output for name in names})
    inputs = inputs_for(encoder)
    found = probe(inputs)
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(names, (3, 7, 16))
    np.testing.assert_allclose(found["block_1"], encoder(inputs)["sequence_output"], atol=1e-6)


def test_from_config_gives_a_fresh_encoder_of_the_same_shape():
    encoder = BertEncoder(small("distilbert", sinusoidal_pos_embds=True), name="mine")
    twin = BertEncoder.from_config(encoder.get_config())
    assert (twin.name, twin.config) == ("mine", encoder.config)
    assert [w.shape for w in twin.weights] == [w.shape for w in encoder.weights]


def test_dropout_is_for_training_only():
    encoder = BertEncoder(small(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2))
    inputs = inputs_for(encoder)
    still = [encoder(inputs)["pooled_output"] for _ in range(2)]
    moved = [encoder(inputs, training=True)["pooled_output"] for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert np.abs(moved[0] - moved[1]).max() > 1e-3
