"""The weights of a `.tflite` file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.export import tflite_file
from kerasbert.runtime.interpreter import load_file

LENGTH = 32


@pytest.fixture(scope="module")
def uneven():
    """A classifier with one column of its tables a hundred times as wide as the others, as trained ones have."""
    keras.utils.set_random_seed(3)
    config = BertConfig(
        vocab_size=500, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    model = TextClassifier(BertEncoder(config), labels=["a", "b", "c"])
    for table in (model.encoder.embeddings.word_table, model.encoder.embeddings.position_table):
        values = table.numpy()
        values[:, 7] *= 100
        table.assign(values)
    for variable in model.trainable_variables:
        if variable.path.startswith("classifier"):
            variable.assign(variable * 20)
    return model


def batches() -> list[dict]:
    random = np.random.default_rng(0)
    lengths = (5, 17, LENGTH)
    return [
        {
            "input_ids": random.integers(1, 500, (4, length)).astype("int32"),
            "attention_mask": np.ones((4, length), "int32"),
            "token_type_ids": random.integers(0, 2, (4, length)).astype("int32"),
        }
        for length in lengths
    ]


def error(model, path, quantize: str) -> float:
    tflite_file.write_tflite(model, {path: quantize}, lengths=[LENGTH])
    run = load_file(path)
    return max(float(np.abs(run(batch)["logits"] - model.predict_on_batch(batch)).max()) for batch in batches())


def test_wide_columns_do_not_spoil_the_narrow_ones_in_int8(uneven, tmp_path, monkeypatch):
    evened = error(uneven, tmp_path / "evened.tflite", "int8")
    even_tables = tflite_file._even_tables

    def uneven_tables(embeddings):
        return [(tf.Variable(table * widths), np.ones_like(widths)) for table, widths in even_tables(embeddings)]

    monkeypatch.setattr(tflite_file, "_even_tables", uneven_tables)
    assert evened < error(uneven, tmp_path / "plain.tflite", "int8") / 3


def test_evening_changes_nothing_in_float32_nor_in_the_model(uneven, tmp_path):
    before = uneven.predict_on_batch(batches()[0])
    assert error(uneven, tmp_path / "model.tflite", "none") < 1e-4
    assert uneven.encoder.embeddings.column_scales is None
    np.testing.assert_array_equal(uneven.predict_on_batch(batches()[0]), before)
