"""The encoder against a BERT in NumPy."""

from pathlib import Path

import keras
import numpy as np
import pytest
from reference.bert import Bert
from safetensors.numpy import load_file

from kerasbert import BertConfig, BertEncoder


@pytest.fixture(scope="module")
def encoder():
    """Random, with large weights: fresh ones hide mistakes, for they hardly move their input."""
    config = BertConfig.from_size(
        "tiny", vocab_size=60, hidden_size=48, num_attention_heads=3, intermediate_size=80, max_position_embeddings=40
    )
    encoder = BertEncoder(config)
    random = np.random.default_rng(5)
    for variable in encoder.weights:
        noise = random.normal(0, 0.2, variable.shape)
        variable.assign(1 + noise if variable.path.endswith("gamma") else noise)
    return encoder


@pytest.fixture(scope="module")
def oracle(encoder, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("reference") / "bert"
    encoder.save_pretrained(folder)
    return Bert(load_file(folder / "model.safetensors"), heads=3)


def batch(size: int, length: int, *, padded: bool) -> dict:
    random = np.random.default_rng(size * length)
    reals = random.integers(1, length, size) if padded else np.full(size, length)
    mask = (np.arange(length) < reals[:, None]).astype("int32")
    return {
        "input_ids": (random.integers(1, 60, mask.shape) * mask).astype("int32"),
        "token_type_ids": (random.integers(0, 2, mask.shape) * mask).astype("int32"),
        "attention_mask": mask,
    }


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("length", [7, 40])
@pytest.mark.parametrize("size", [1, 5])
def test_encoder_equals_numpy(encoder, oracle, size, length, padded):
    inputs = batch(size, length, padded=padded)
    found = encoder.predict_on_batch(inputs)
    sequence, pooled = oracle(**inputs)
    real = inputs["attention_mask"].astype(bool)
    np.testing.assert_allclose(found["sequence_output"][real], sequence[real], atol=1e-5)
    np.testing.assert_allclose(found["pooled_output"], pooled, atol=1e-5)


def test_padding_does_not_change_the_pooled_output(encoder):
    short = batch(3, 9, padded=False)
    long = {name: np.pad(values, ((0, 0), (0, 22))) for name, values in short.items()}
    a, b = encoder.predict_on_batch(short), encoder.predict_on_batch(long)
    np.testing.assert_allclose(a["pooled_output"], b["pooled_output"], atol=5e-6)
    np.testing.assert_allclose(a["sequence_output"], b["sequence_output"][:, :9], atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(encoder):
    inputs = batch(4, 12, padded=True)
    noise = np.random.default_rng(0).integers(1, 60, inputs["input_ids"].shape).astype("int32")
    noisy = {**inputs, "input_ids": np.where(inputs["attention_mask"], inputs["input_ids"], noise)}
    a, b = (encoder.predict_on_batch(x)["pooled_output"] for x in (inputs, noisy))
    np.testing.assert_array_equal(a, b)


def test_a_row_does_not_depend_on_the_others_of_its_batch(encoder):
    inputs = batch(5, 12, padded=True)
    whole = encoder.predict_on_batch(inputs)["pooled_output"]
    alone = encoder.predict_on_batch({name: values[2:3] for name, values in inputs.items()})["pooled_output"]
    np.testing.assert_allclose(whole[2:3], alone, atol=5e-6)


def test_word_order_and_segments_matter(encoder):
    inputs = batch(1, 8, padded=False)
    base = encoder.predict_on_batch(inputs)["pooled_output"]
    turned = {**inputs, "input_ids": inputs["input_ids"][:, ::-1].copy()}
    other = {**inputs, "token_type_ids": 1 - inputs["token_type_ids"]}
    for changed in (turned, other):
        assert np.abs(encoder.predict_on_batch(changed)["pooled_output"] - base).max() > 1e-2


def test_intermediates_have_names(encoder, oracle):
    inputs = batch(2, 7, padded=False)
    first = keras.Model(encoder.input, encoder.get_layer("block_0").output).predict_on_batch(inputs)
    x = oracle.embed(inputs["input_ids"], inputs["token_type_ids"])
    wanted = oracle.block(x, inputs["attention_mask"], "encoder.layer.0")
    np.testing.assert_allclose(first, wanted, atol=1e-5)
