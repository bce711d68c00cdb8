"""The weights of a `.tflite` file."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.schema_py_generated import BuiltinOperator

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite import file as tflite_file
from kerasbert.export.formats.tflite.entries import entry, open_model

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


@pytest.fixture(scope="module")
def error(opened):
    """`error(model, path, "int8")` -> the largest difference of a file's logits from the model's."""

    def largest(model, path, quantize: str) -> float:
        tflite_file.write_tflite(model, {path: quantize}, Settings(lengths=[LENGTH]))
        run = opened(path, model)
        return max(float(np.abs(run(batch)["logits"] - model.predict_on_batch(batch)).max()) for batch in batches())

    return largest


def test_wide_columns_do_not_spoil_the_narrow_ones_in_int8(uneven, error, tmp_path, monkeypatch):
    evened = error(uneven, tmp_path / "evened.tflite", "int8")
    even_tables = tflite_file._even_tables

    def uneven_tables(embeddings):
        tables = even_tables(embeddings).items()
        return {path: (tf.Variable(table * widths), np.ones_like(widths)) for path, (table, widths) in tables}

    monkeypatch.setattr(tflite_file, "_even_tables", uneven_tables)
    assert evened < error(uneven, tmp_path / "plain.tflite", "int8") / 3


def test_evening_changes_nothing_in_float32_nor_in_the_model(uneven, error, tmp_path):
    before = uneven.predict_on_batch(batches()[0])
    assert error(uneven, tmp_path / "model.tflite", "none") < 1e-4
    np.testing.assert_array_equal(uneven.predict_on_batch(batches()[0]), before)


@pytest.mark.parametrize("quantize", ["none", "float16", "int8"])
def test_legacy_files_hold_operations_of_the_first_runtime_that_has_gelu(uneven, opened, tmp_path, quantize):
    path = tmp_path / "model.tflite"
    tflite_file.write_tflite(uneven, {path: quantize}, Settings(lengths=[16, LENGTH], legacy_runtime=True))
    model = open_model(path.read_bytes())
    assert entry(model, "min_runtime_version").rstrip(b"\0").decode() == "2.9.0"
    codes = (model.OperatorCodes(i) for i in range(model.OperatorCodesLength()))
    (version,) = {code.Version() for code in codes if code.BuiltinCode() == BuiltinOperator.FULLY_CONNECTED}
    assert version <= 9  # 12: a scale a column
    run = opened(path, uneven)
    for batch in batches():
        wanted = uneven.predict_on_batch(batch)
        largest = np.abs(run(batch)["logits"] - wanted).max()
        assert largest < {"none": 1e-4, "float16": 0.02, "int8": 0.1}[quantize] * max(1, np.ptp(wanted))


def test_todays_int8_needs_a_later_runtime(uneven, tmp_path):
    """The option is not idle."""
    tflite_file.write_tflite(uneven, {tmp_path / "model.tflite": "int8"}, Settings(lengths=[LENGTH]))
    content = (tmp_path / "model.tflite").read_bytes()
    assert entry(open_model(content), "min_runtime_version").rstrip(b"\0") == b"2.17.0"
