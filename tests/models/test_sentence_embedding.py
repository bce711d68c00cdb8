"""Sentence embeddings: unit vectors of the encoder's mean, from a folder, to a folder, to files."""

import json

import keras
import numpy as np
import pytest

from kerasbert import BertEncoder, SentenceEncoder, TextClassifier
from kerasbert.errors import CheckpointError, ConfigError, ExportError
from kerasbert.models.opening import open_model
from kerasbert.runtime import load
from kerasbert.tasks.sentence_embedding import Settings
from kerasbert.tasks.task import Output

TEXTS = ["the film was lovely", "bad", "", "the hotel was dark and the staff rude. " * 9]


def means(folder, texts, first_only=False) -> np.ndarray:
    """The same by hand: the encoder's vectors, one text at a time, without padding."""
    encoder = BertEncoder.from_pretrained(folder)
    rows = []
    for text in texts:
        output = keras.ops.convert_to_numpy(encoder(encoder.tokenizer([text], max_length=64))["sequence_output"])[0]
        row = output[0] if first_only else output.mean(0)
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_the_pooled_ones_of_the_encoder_at_length_1(tiny_bert, pooling):
    model = SentenceEncoder.from_pretrained(tiny_bert, pooling=pooling)
    np.testing.assert_allclose(model.encode(TEXTS), means(tiny_bert, TEXTS, pooling == "cls"), atol=2e-6)
    assert model.encode(TEXTS, batch_size=1) == pytest.approx(model.encode(TEXTS), abs=2e-6)
    assert model.predict_text(["bad"])[0]["embedding"] == pytest.approx(model.encode(["bad"])[0].tolist(), abs=1e-6)


def test_the_graph_has_one_vector_per_text(tiny_bert):
    (graph,) = SentenceEncoder.from_pretrained(tiny_bert).graphs()
    assert [each.name for each in graph.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert graph.outputs == (Output("embedding", "row", "vector", 32),)


def test_nothing_asked_is_nothing_answered(tiny_bert):
    model = SentenceEncoder.from_pretrained(tiny_bert)
    assert (model.encode([]).shape, model.predict_text([])) == ((0, 32), [])


def test_it_opens_as_what_it_was_saved_as(tiny_bert, tiny_classifier, tmp_path):
    SentenceEncoder.from_pretrained(tiny_bert, pooling="cls", max_length=20).save_pretrained(tmp_path / "saved")
    model = open_model(tmp_path / "saved")
    assert (type(model), model.settings) == (SentenceEncoder, Settings(pooling="cls", max_length=20))
    np.testing.assert_allclose(
        model.encode(TEXTS[:2]), SentenceEncoder.from_pretrained(tiny_bert, pooling="cls").encode(TEXTS[:2]), atol=1e-6
    )
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["architectures"] == ["BertModel"]
    assert type(open_model(tiny_classifier)) is TextClassifier
    assert type(open_model(tiny_classifier, task="sentence-embedding")) is SentenceEncoder
    with pytest.raises(
        CheckpointError, match=r"fine-tune it first, or name a task .*: sentence-embedding .* or feature-extraction "
    ):
        open_model(tiny_bert)


def test_a_keras_file_gives_it_back(tiny_bert, tmp_path):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=30)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.settings == Settings(pooling="mean", max_length=30)
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"pooling": "sum"}, "pooling is 'sum'"),
        ({"pooling": "additive"}, "pooling is 'additive'"),
        ({"max_length": 65}, "max_length is 65: use 3 to 64"),
        ({"max_length": 2}, "max_length is 2"),
    ],
)
def test_what_cannot_be_is_named(tiny_bert, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        SentenceEncoder.from_pretrained(tiny_bert, **options)


@pytest.mark.slow
def test_every_file_gives_its_vectors(tiny_bert, opinion_file, tmp_path):
    from kerasbert.export import export_bundle

    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=32)  # so that files have two signatures, not three
    rows = export_bundle(model, tmp_path / "bundle")
    assert {row.format for row in rows} >= {"tflite", "tflite-int8", "onnx", "saved_model"}
    for name in ("tflite", "onnx"):
        np.testing.assert_allclose(load(tmp_path / "bundle", file=name).encode(TEXTS), model.encode(TEXTS), atol=1e-4)
    int8 = load(tmp_path / "bundle", file="tflite-int8").encode(TEXTS)
    assert np.sum(int8 * model.encode(TEXTS), axis=-1).min() > 0.98
    answer = load(tmp_path / "bundle")("bad")
    assert answer["embedding"] == pytest.approx(model.encode(["bad"])[0].tolist(), abs=1e-4)
    with pytest.raises(ExportError, match="sentence-embedding has no figures to measure on"):
        export_bundle(model, tmp_path / "other", data=opinion_file)


def test_real_sentences_that_mean_alike_are_near(minilm):
    """The cosines that sentence-transformers publishes for these weights and sentences."""
    a, b, c = SentenceEncoder.from_pretrained(minilm, max_length=64).encode(
        ["That is a happy person.", "That is a very happy person.", "Today is a sunny day."]
    )
    assert a @ b == pytest.approx(0.943, abs=0.01)
    assert a @ c == pytest.approx(0.257, abs=0.02)
