"""Sentence embeddings: unit vectors of the encoder's mean, from a folder, to a folder, to files."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import BAD, GOOD, write_csv

from kerasbert import BertEncoder, SentenceEncoder, TextClassifier
from kerasbert.errors import CheckpointError, ConfigError, DataError
from kerasbert.models.opening import open_model
from kerasbert.runtime import load
from kerasbert.tasks.sentence_embedding import Settings
from kerasbert.tasks.task import Output
from kerasbert.training.optimizers import AdamW

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


# Learning.

ANCHORS = [f"the {thing} was {how}" for how in (*GOOD[:3], *BAD[:3]) for thing in ("film", "book")]
POSITIVES = [f"it is {how}" for how in (*GOOD[:3], *BAD[:3]) for _ in range(2)]
OTHERS = POSITIVES[2:] + POSITIVES[:2]


def learning(folder, **options) -> SentenceEncoder:
    keras.utils.set_random_seed(0)
    model = SentenceEncoder.from_pretrained(folder, max_length=16)
    model.compile(AdamW(3e-3), **options)
    return model


def cosines(model, first, second) -> np.ndarray:
    return np.sum(model.encode(first) * model.encode(second), axis=-1)


def losses(model, **data) -> list[float]:
    return model.fit(**data, epochs=4, batch_size=6, verbose=0).history["loss"]


def test_pairs_come_near_each_other_and_others_do_not(tiny_bert):
    model = learning(tiny_bert)
    before = cosines(model, ANCHORS, POSITIVES) - cosines(model, ANCHORS, OTHERS)
    found = losses(model, x=(ANCHORS, POSITIVES))
    assert found[-1] < found[0]
    after = cosines(model, ANCHORS, POSITIVES) - cosines(model, ANCHORS, OTHERS)
    assert after.mean() > before.mean() + 0.1


def test_texts_with_negatives_learn_by_either_loss(tiny_bert):
    negatives = [[text] if place % 2 else [text, "it was"] for place, text in enumerate(OTHERS)]
    for options in ({"loss": "triplet"}, {"loss": "multiple_negatives_ranking"}):
        found = losses(learning(tiny_bert, **options), x=(ANCHORS, POSITIVES, negatives))
        assert found[-1] < found[0], options


def test_scores_become_cosines(tiny_bert):
    model = learning(tiny_bert)
    scores = np.array([0.2, 0.9] * 6)
    before = np.abs(cosines(model, ANCHORS, POSITIVES) - scores).mean()
    losses(model, x={"anchor": ANCHORS, "positive": POSITIVES}, y=scores)
    assert np.abs(cosines(model, ANCHORS, POSITIVES) - scores).mean() < before


def test_a_file_a_table_lists_and_a_data_set_give_the_same_batches(tiny_bert, tmp_path):
    model = learning(tiny_bert)
    rows = list(zip(ANCHORS, POSITIVES, strict=True))
    path = write_csv(tmp_path / "pairs.csv", rows, ("question", "answer"))
    slices = tf.data.Dataset.from_tensor_slices((ANCHORS, POSITIVES)).map(lambda a, b: ((a, b),))
    given = (path, pd.DataFrame(rows, columns=["anchor", "positive"]), (ANCHORS, POSITIVES), rows, slices)
    found = [[*map(_arrays, model.dataset(each, batch_size=5, shuffle=False))] for each in given]
    for batches in found[1:]:
        keras.tree.map_structure(np.testing.assert_array_equal, batches, found[0])
    assert [len(inputs["input_ids"]) for inputs, _ in found[0]] == [5, 5, 2]
    named = model.dataset(path, anchor_column="answer", positive_column="question", batch_size=12, shuffle=False)
    ((_, swapped),) = map(_arrays, named)
    np.testing.assert_array_equal(swapped[:5, ::-1], found[0][0][1])


def _arrays(batch) -> list:
    return keras.tree.map_structure(np.asarray, list(batch))


def test_what_is_predicted_is_no_example_to_learn(tiny_bert):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16)
    pairs = ["film", "book"], ["the film", "it"]
    wanted = model.encode(*pairs)
    for found in (model.predict(pairs, verbose=0), model.predict_on_batch(pairs)):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    data = tf.data.Dataset.from_tensor_slices(pairs[0]).batch(2)
    np.testing.assert_allclose(model.predict(data, verbose=0), model.encode(pairs[0]), atol=1e-5)


def test_examples_that_do_not_fit_are_named(tiny_bert):
    model = learning(tiny_bert)
    with pytest.raises(DataError, match="no second text; give a positive"):
        model.fit({"anchor": ["a"], "negative": ["b"]}, verbose=0)
    with pytest.raises(DataError, match=r"y\[1\]: the score 4 is not from 0 to 1"):
        model.fit((["a", "b"], ["a", "b"]), [1, 4], verbose=0)
    with pytest.raises(ConfigError, match="triplet: its examples are pairs without right answers"):
        learning(tiny_bert, loss="triplet").fit((["a", "b"], ["a", "b"]), [1, 0.5], verbose=0)


@pytest.mark.slow
def test_every_file_gives_its_vectors(tiny_bert, tmp_path):
    from kerasbert.export import export_bundle

    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=32)  # so that files have two signatures, not three
    pairs = write_csv(tmp_path / "pairs.csv", list(zip(ANCHORS, POSITIVES, strict=True)), ("anchor", "positive"))
    rows = export_bundle(model, tmp_path / "bundle", data=pairs)
    assert {row.format for row in rows} >= {"tflite", "tflite-int8", "onnx", "saved_model"}
    assert min(row.agreement for row in rows if row.agreement is not None) == 1.0
    for name in ("tflite", "onnx"):
        np.testing.assert_allclose(load(tmp_path / "bundle", file=name).encode(TEXTS), model.encode(TEXTS), atol=1e-4)
    int8 = load(tmp_path / "bundle", file="tflite-int8").encode(TEXTS)
    assert np.sum(int8 * model.encode(TEXTS), axis=-1).min() > 0.98
    answer = load(tmp_path / "bundle")("bad")
    assert answer["embedding"] == pytest.approx(model.encode(["bad"])[0].tolist(), abs=1e-4)


def test_real_sentences_that_mean_alike_are_near(minilm):
    """The cosines that sentence-transformers publishes for these weights and sentences."""
    a, b, c = SentenceEncoder.from_pretrained(minilm, max_length=64).encode(
        ["That is a happy person.", "That is a very happy person.", "Today is a sunny day."]
    )
    assert a @ b == pytest.approx(0.943, abs=0.01)
    assert a @ c == pytest.approx(0.257, abs=0.02)


@pytest.mark.parametrize("examples", [([("a film", "the hotel was dark and rude"), ("bad", "x")]), ["bad", "the film"]])
def test_texts_of_examples_have_the_vectors_that_they_have_alone(tiny_bert, examples):
    """The first texts of a batch are padded to another length than the others."""
    model = SentenceEncoder.from_pretrained(tiny_bert)
    texts = [list(each) if isinstance(each, tuple) else [each] for each in examples]
    rows = model.tokenizer([text for each in texts for text in each], max_length=64)
    inputs = {name: np.reshape(x, (len(texts), -1, x.shape[-1])) for name, x in rows.items()}
    alone = np.stack([model.encode(each) for each in texts])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(inputs)), alone, atol=2e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_pairs_and_vectors_are_learned_with_xla_too(tiny_bert, jit_compile):
    model = SentenceEncoder.from_pretrained(tiny_bert)
    pairs = (["a film", "bad", "dark"], ["the hotel was dark and rude", "good", "x"])
    for x, y in ((pairs, None), (["a film", "dark"], np.eye(2, 32))):
        model.compile("sgd", jit_compile=jit_compile)
        before = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
        model.fit(x, y, epochs=3, verbose=0)
        assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] < before


def test_a_text_is_once_in_a_batch_of_pairs(tiny_bert):
    """Four texts are the positives of sixteen pairs: each batch of four has each of them."""
    texts = ["film", "room", "hotel", "staff"] * 4
    model = SentenceEncoder.from_pretrained(tiny_bert)
    data = model.dataset(([f"{text} {number}" for number, text in enumerate(texts)], texts), batch_size=4, seed=0)
    for _, targets in data:
        assert len({tuple(ids) for ids in targets.numpy()[:, 1].tolist()}) == 4
