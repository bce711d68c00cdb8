"""Texts longer than a text classifier: in answers, in Keras's `predict` and `evaluate`, and in training."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_vocabulary

from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.tasks.encoding import text_rows
from kerasbert.tokenizers import WordPieceTokenizer

LONG = "the film was good and the staff were kind but the room was cold " * 6  # 78 tokens
TEXTS, LABELS = ["good", LONG, "the room was cold", LONG[40:]], ["a", "b", "b", "a"]


def encoder() -> BertEncoder:
    """With weights that make a difference."""
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(
        vocab_size=tokenizer.vocab_size, max_position_embeddings=16, initializer_range=0.5,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **sizes,
    )  # fmt: skip
    return BertEncoder(config, tokenizer=tokenizer)


@pytest.fixture(scope="module")
def model():
    model = TextClassifier(encoder(), labels=["a", "b"])
    model.compile(metrics=["accuracy"])
    return model


def by_hand(model, text: str) -> np.ndarray:
    """The mean over windows, each a batch of its own."""
    (whole,) = model.tokenizer.encode([text])
    ids, sizes, found = whole.ids[1:-1], [], []
    for start in range(0, max(len(ids) - 4, 1), 10):
        row = np.int32([[whole.ids[0], *ids[start : start + 14], whole.ids[-1]]])
        inputs = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        found.append(np.asarray(model(inputs, training=False))[0])
        sizes.append(row.size)
    return np.average(found, axis=0, weights=sizes)


def test_every_way_to_ask_gives_the_mean_of_the_windows(model):
    wanted = np.stack([by_hand(model, text) for text in TEXTS])
    assert np.ptp(wanted, axis=0).min() > 1e-2
    ways = {
        "predict_logits": model.predict_logits(TEXTS),
        "alone": np.concatenate([model.predict_logits([text]) for text in TEXTS]),
        "small batches": model.predict_logits(TEXTS, batch_size=2),
        "predict": model.predict(TEXTS, verbose=0),
        "with callbacks": model.predict(TEXTS, batch_size=2, verbose=0, callbacks=[keras.callbacks.Callback()]),
        "predict_on_batch": model.predict_on_batch(TEXTS),
        "data set": model.predict(tf.data.Dataset.from_tensor_slices(TEXTS), batch_size=3, verbose=0),
        "labelled batches": model.predict(tf.data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(2), verbose=0),
    }
    for name, found in ways.items():
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=name)
    assert model.predict(TEXTS, batch_size=1, steps=2, verbose=0).shape == (2, 2)
    data = tf.data.Dataset.from_tensor_slices(TEXTS).repeat()
    np.testing.assert_allclose(model.predict(data.batch(2), steps=1, verbose=0), wanted[:2], atol=1e-5)
    answers = model.predict_text(TEXTS)
    assert [each["label"] for each in answers] == ["ab"[row.argmax()] for row in wanted]


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.0, 0.5]], ids=["", "weighted"])
def test_evaluate_judges_the_means(model, weights):
    logits = np.stack([by_hand(model, text) for text in TEXTS])
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), [0, 1, 1, 0]]
    found = model.evaluate(TEXTS, LABELS, sample_weight=weights and np.array(weights), verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(np.mean(losses * (weights or 1.0)), abs=1e-5)
    assert found["accuracy"] == np.mean(logits.argmax(1) == [0, 1, 1, 0])
    listed = model.evaluate(TEXTS, LABELS, sample_weight=weights and np.array(weights), verbose=0)
    assert listed == pytest.approx([found["loss"], found["accuracy"]])


def test_a_long_text_counts_once_in_training(model):
    groups = model.lessons_of(model._examples(TEXTS, LABELS, [1.0, 3.0, 1.0, 1.0]))
    sums: dict[str, float] = {}
    for (lesson,) in groups:
        text = lesson.row.example.fields["text"]
        sums[text] = sums.get(text, 0.0) + float(lesson.weights["logits"])
        assert lesson.targets["logits"] == "ab".index(LABELS[TEXTS.index(text)])
    assert [sums[text] for text in TEXTS] == pytest.approx([1, 3, 1, 1])
    assert len(groups) > len(TEXTS)


def test_short_texts_learn_the_same_weights_as_ever():
    """As a task learns whose rows are cut; and without weights in the loss."""
    short = ["the film was good", "the room was cold", "good", "the staff were kind"] * 4

    def trained(**changes):
        model = TextClassifier(encoder(), labels=["a", "b"])
        model.task = dataclasses.replace(model.task, **changes)
        assert all(lesson.weights == {} for (lesson,) in model.lessons_of(model._examples(short, LABELS * 4)))
        model.compile(optimizer=keras.optimizers.SGD(0.1))
        model.fit(model.dataset(short, LABELS * 4, batch_size=4, seed=1), epochs=2, verbose=0)
        return model.get_weights()

    for ours, theirs in zip(trained(), trained(rows=text_rows, averages=False), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_numbers_go_with_every_window():
    below, price = encoder(), keras.Input((1,), name="price")
    joined = keras.layers.Concatenate()([below.output["pooled_output"], price])
    model = TextClassifier(below, labels=["a", "b"], outputs=keras.layers.Dense(2)(joined))
    low, high = (model.predict_logits([LONG, "good"], price=[price, price]) for price in (0.0, 1.0))
    np.testing.assert_allclose(high - low, [model.get_layer("head").get_weights()[0][-1]] * 2, atol=1e-5)
    np.testing.assert_allclose(model.predict({"text": [LONG], "price": [1.0]}, verbose=0), high[:1], atol=1e-6)
