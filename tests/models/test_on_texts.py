"""fit, evaluate and predict on texts: every form of texts and right answers gives what the arrays give."""

import warnings

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from conftest import opinions

from kerasbert import FeatureExtractor, SentenceEncoder, TextClassifier
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.examples.readers import read_examples
from kerasbert.tasks.text_classification import SEVERAL

ROWS = opinions(30)
TEXTS = [text for text, _ in ROWS]
LABELS = [label for _, label in ROWS]
INDICES = np.array([int(label == "positive") for label in LABELS])
SECOND = TEXTS[::-1]


@pytest.fixture(scope="module")
def classifier(tiny_bert):
    """Compiled, not trained; for reading."""
    keras.utils.set_random_seed(3)
    model = TextClassifier.from_pretrained(tiny_bert, labels=["negative", "positive"], max_length=16)
    model.compile(keras.optimizers.SGD(0.1))
    return model


@pytest.fixture
def model(tiny_bert):
    """For training: without dropout, so that the order of the batches alone decides."""
    return trainable(tiny_bert)


def trainable(folder, cls=TextClassifier, **settings):
    keras.utils.set_random_seed(3)
    settings = settings or {"labels": ["negative", "positive"]}
    model = cls.from_pretrained(folder, max_length=16, **settings)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def arrays(model, *columns) -> dict:
    return model.tokenizer(*columns, max_length=16)


FRAME = pandas.DataFrame({"number": range(30), "sentence": TEXTS, "label": LABELS})
BATCHES = tf.data.Dataset.from_tensor_slices((TEXTS, INDICES.tolist())).batch(7)
FORMS = {
    "list and names": (TEXTS, LABELS),
    "tuple and indices": (tuple(TEXTS), INDICES.tolist()),
    "NumPy strings": (np.array(TEXTS), INDICES),
    "NumPy objects and names": (np.array(TEXTS, object), np.array(LABELS)),
    "a column of an array": (np.array(TEXTS)[:, None], INDICES),
    "NumPy bytes": (np.array(TEXTS).astype("S"), INDICES.astype("uint8")),
    "a tensor of strings": (tf.constant(TEXTS), tf.constant(INDICES)),
    "columns of a DataFrame": (FRAME["sentence"], FRAME["label"]),
    "a shuffled DataFrame's columns": (FRAME[::-1][::-1]["sentence"], FRAME["label"].astype("category")),
    "a DataFrame and its own labels": (FRAME,),
    "a DataFrame and other labels": (FRAME[["sentence"]], INDICES),
    "a dict": ({"text": TEXTS}, LABELS),
    "whole numbers as floats, in a column": (TEXTS, INDICES[:, None].astype("float64")),
    "one-hot": (TEXTS, np.eye(2)[INDICES]),
    "a data set": (BATCHES,),
    "a data set of names": (tf.data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(7),),
    "a data set without batches": (tf.data.Dataset.from_tensor_slices(({"text": TEXTS}, INDICES)),),
}


@pytest.mark.parametrize("form", FORMS)
def test_evaluate_gives_for_texts_what_it_gives_for_arrays(classifier, form):
    wanted = classifier.evaluate(arrays(classifier, TEXTS), INDICES, verbose=0, return_dict=True)
    found = classifier.evaluate(*FORMS[form], verbose=0, return_dict=True)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert 0 < wanted["accuracy"] < 1  # so that a wrong order would be noticed


@pytest.mark.parametrize("form", FORMS)
def test_predict_gives_for_texts_what_it_gives_for_arrays(classifier, form):
    wanted = classifier.predict(arrays(classifier, TEXTS), verbose=0)
    found = classifier.predict(FORMS[form][0], batch_size=4, verbose=0)
    assert (found.dtype, found.shape) == ("float32", (30, 2))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


PAIRS = {
    "a tuple of columns": (TEXTS, SECOND),
    "a list of tuples": list(zip(TEXTS, SECOND, strict=True)),
    "a list of lists": list(map(list, zip(TEXTS, SECOND, strict=True))),
    "an array": np.array([TEXTS, SECOND]).T,
    "a dict": {"text": TEXTS, "text_pair": SECOND},
    "a tuple of columns of a DataFrame": (pandas.Series(TEXTS), pandas.Series(SECOND)),
    "a DataFrame": pandas.DataFrame({"premise": TEXTS, "hypothesis": SECOND}),
    "a data set": tf.data.Dataset.from_tensor_slices(((TEXTS, SECOND), INDICES)).batch(8),
}


@pytest.mark.parametrize("form", PAIRS)
def test_pairs(classifier, form):
    wanted = classifier.predict(arrays(classifier, TEXTS, SECOND), verbose=0)
    np.testing.assert_allclose(classifier.predict(PAIRS[form], verbose=0), wanted, atol=1e-5)


def test_evaluate_returns_a_list_as_keras_does(classifier):
    assert classifier.evaluate(TEXTS, LABELS, verbose=0) == pytest.approx(
        classifier.evaluate(arrays(classifier, TEXTS), INDICES, verbose=0), abs=1e-5
    )


def test_fit_takes_the_same_steps_as_on_arrays(tiny_bert):
    weights = {}
    for name, data in {"texts": TEXTS, "ids": None}.items():
        model = trainable(tiny_bert)
        x = arrays(model, TEXTS) if data is None else data
        history = model.fit(x, INDICES, batch_size=8, epochs=2, shuffle=False, verbose=0)
        weights[name] = [*model.get_weights(), np.array(history.history["loss"])]
    for one, two in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("form", ["texts", "data set"])
def test_sample_and_class_weights_count_as_on_arrays(tiny_bert, form):
    sample = np.linspace(0.1, 3.0, 30).astype("float32")
    labels = np.where(INDICES == 1, 0.25, 1.0).astype("float32")
    by_hand, model = trainable(tiny_bert), trainable(tiny_bert)
    by_hand.fit(arrays(by_hand, TEXTS), INDICES, batch_size=8, shuffle=False, sample_weight=sample * labels, verbose=0)
    data = (TEXTS, LABELS, sample)
    if form == "texts":
        model.fit(TEXTS, LABELS, 8, shuffle=False, sample_weight=sample, class_weight={"positive": 0.25}, verbose=0)
    else:
        model.fit(tf.data.Dataset.from_tensor_slices(data).batch(8), class_weight={1: 0.25}, verbose=0)
    for one, two in zip(by_hand.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    weighed = [each.evaluate(TEXTS, LABELS, sample_weight=sample, verbose=0) for each in (by_hand, model)]
    assert weighed[0] == pytest.approx(weighed[1], abs=1e-5)
    assert model.evaluate(tf.data.Dataset.from_tensor_slices(data).batch(5), verbose=0)[0] == pytest.approx(
        model.evaluate(arrays(model, TEXTS), INDICES, sample_weight=sample, verbose=0)[0], abs=1e-5
    )


def test_class_weights_by_name_reach_arrays_too(tiny_bert):
    models = [trainable(tiny_bert), trainable(tiny_bert)]
    for model, key in zip(models, ("positive", 1), strict=True):
        model.fit(arrays(model, TEXTS), INDICES, class_weight={key: 0.1}, shuffle=False, verbose=0)
    for one, two in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_last_share_is_held_out_before_shuffling(model):
    last = TEXTS[24:], LABELS[24:]
    options = {"epochs": 1, "verbose": 0, "batch_size": 8}
    split = model.fit(TEXTS, LABELS, validation_split=0.2, **options).history
    assert split["val_loss"][0] == pytest.approx(model.evaluate(*last, verbose=0)[0], abs=1e-5)
    frame = FRAME[24:].reset_index()
    given = [last, list(last), (*last, np.ones(6)), frame, BATCHES, (arrays(model, last[0]), INDICES[24:])]
    for data in given:
        history = model.fit(TEXTS[:24], LABELS[:24], validation_data=data, validation_batch_size=3, **options).history
        right = model.evaluate(BATCHES, verbose=0) if data is BATCHES else model.evaluate(*last, verbose=0)
        assert history["val_loss"][0] == pytest.approx(right[0], abs=1e-5)


def test_shuffling_follows_the_global_seed_and_differs_from_epoch_to_epoch(tiny_bert):
    class Order(keras.callbacks.Callback):
        """The batches' losses, which tell one order from another: the learning rate is 0."""

        def __init__(self):
            self.epochs = []

        def on_epoch_begin(self, epoch, logs=None):
            self.epochs.append([])

        def on_train_batch_end(self, batch, logs=None):
            self.epochs[-1].append(round(float(logs["loss"]), 5))

    model, seen = trainable(tiny_bert), {}
    model.compile(keras.optimizers.SGD(0.0))  # 64 steps are worth the tracing
    for name, seed, shuffle in (("a", 1, True), ("again", 1, True), ("b", 2, True), ("none", 1, False)):
        keras.utils.set_random_seed(seed)
        order = Order()
        model.fit(TEXTS, LABELS, 4, epochs=4, initial_epoch=2, verbose=0, shuffle=shuffle, callbacks=[order])
        seen[name] = order.epochs
    assert seen["a"] == seen["again"]
    assert seen["a"][0] != seen["a"][1]
    assert seen["a"] != seen["b"]
    assert seen["none"][0] == seen["none"][1] != seen["a"][0]
    assert len(seen["a"]) == 2


def test_steps_per_epoch_goes_on_in_the_next_epoch(model):
    history = model.fit(TEXTS, LABELS, 8, epochs=2, steps_per_epoch=2, verbose=0).history
    assert len(history["loss"]) == 2


def test_no_warning_about_shuffling_on_a_data_set_of_ours(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(model.dataset(TEXTS, LABELS, batch_size=16), verbose=0)
        model.fit(BATCHES, verbose=0)
        with pytest.raises(UserWarning, match="shuffle=True"):
            model.fit(model.dataset(TEXTS, LABELS), shuffle=True, verbose=0)


def test_a_dataset_is_made_of_files_lists_frames_and_data_sets(classifier, opinion_file):
    examples = read_examples(opinion_file, classifier.task)
    made = {
        "file": classifier.dataset(opinion_file, shuffle=False, batch_size=200),
        "examples": classifier.dataset(examples, shuffle=False, batch_size=200),
        "lists": classifier.dataset(
            [each.fields["text"] for each in examples], [each.truth for each in examples], shuffle=False, batch_size=200
        ),
        "frame": classifier.dataset(
            pandas.DataFrame({"a": [each.fields["text"] for each in examples], "b": [each.truth for each in examples]}),
            text_column="a",
            label_column="b",
            shuffle=False,
            batch_size=200,
        ),
        "data set": classifier.dataset(
            tf.data.Dataset.from_tensors(
                ([each.fields["text"] for each in examples], [each.truth for each in examples])
            )
        ),
    }
    inputs, targets = next(iter(made.pop("file")))
    for data in made.values():
        again, right, *weights = next(iter(data))
        assert all(np.all(each == 1) for each in weights)  # of a data set, whose later texts may have windows
        np.testing.assert_array_equal(right, targets)
        for name in inputs:
            np.testing.assert_array_equal(again[name], inputs[name])


def test_a_data_set_is_read_as_it_is_trained_on(model):
    read = []

    def texts():
        for index in range(1000):
            read.append(index)
            yield TEXTS[index % 30], INDICES[index % 30]

    types = tf.TensorSpec((), "string"), tf.TensorSpec((), "int32")
    data = tf.data.Dataset.from_generator(texts, output_signature=types)
    model.fit(data, batch_size=2, steps_per_epoch=2, verbose=0)
    assert len(read) < 500


def test_several_labels_are_lists_of_names_or_arrays_of_0_and_1(tiny_bert):
    model = trainable(tiny_bert, labels=["bad", "short", "odd"], problem_type=SEVERAL)
    names = [["bad"], [], ["odd", "bad"], ["short"]]
    ones = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]])
    wanted = model.evaluate(arrays(model, TEXTS[:4]), ones.astype("float32"), verbose=0)
    ragged = tf.data.Dataset.from_tensor_slices((TEXTS[:4], tf.ragged.constant(names))).batch(2)
    for y in (names, ones, ones.tolist(), ones.astype(bool), ["bad", "", "odd|bad", "short"], pandas.DataFrame(ones)):
        assert model.evaluate(TEXTS[:4], y, verbose=0) == pytest.approx(wanted, abs=1e-5)
    assert model.evaluate(ragged, verbose=0) == pytest.approx(wanted, abs=1e-5)


def test_numbers_of_a_regression(tiny_bert):
    model = trainable(tiny_bert, labels=["stars"], problem_type="regression")
    numbers = np.linspace(-1, 4, 30)
    wanted = model.evaluate(arrays(model, TEXTS), numbers.astype("float32")[:, None], verbose=0)
    for y in (numbers, numbers[:, None], numbers.tolist(), pandas.Series(numbers)):
        assert model.evaluate(TEXTS, y, verbose=0) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (["a", "b"], ["positive", "odd"], DataError, r"^y\[1\]: unknown label 'odd'; the model knows negative, pos"),
        (["a", "b"], [0, 2], DataError, r"^y\[1\]: 2 is not a label; give its name, or its index from 0 to 1$"),
        (["a", "b"], [-1, 0], DataError, r"^y\[0\]: -1 is not a label"),
        (["a", "b"], ["positive", None], DataError, r"^y\[1\]: the label is missing; the model knows"),
        (["a", "b"], [0.5, 1], DataError, r"^y\[0\]: 0.5 is not a label; the model knows"),
        (["a", "b"], [[0, 1], [1, 1]], DataError, r"^y\[1\]: a list of labels; for several labels per text, choose"),
        (["a", "b"], ["positive"], DataError, r"^2 texts, but 1 values in y; each text needs one$"),
        (["a", "b"], 1, DataError, r"^y is 1: give one value for each of 2 texts$"),
        (["a", 3], [0, 1], TokenizerError, r"^text\[1\] is 3 \(int\), not a string$"),
        (pandas.Series(["a", None]), [0, 1], TokenizerError, r"^text\[1\] is (None|nan) \(\w+\), not a string$"),
        ((["a"], ["b", "c"]), [0], TokenizerError, r"^text-classification: 1 in text, 2 in text_pair; each example"),
        ({"txt": ["a"]}, [0], TokenizerError, r"^text-classification takes text, text_pair, not 'txt'$"),
        (pandas.DataFrame({"a": ["b"]}), None, DataError, r"^no text column among a; rename it to 'text', or give"),
        (pandas.DataFrame({"text": ["b"], "label": ["c"]}), None, DataError, r"^label\[0\]: unknown label 'c'; the"),
        ([], [], DataError, r"^there are no examples to learn from or to judge$"),
        (BATCHES, INDICES, ConfigError, r"^the data set's elements hold y and sample_weight: \(x, y\) or"),
        (np.array([b"\xff"]), [0], TokenizerError, r"^the text b'\\xff' is not UTF-8$"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(classifier, x, y, error, message):
    for method in (classifier.fit, classifier.evaluate):
        with pytest.raises(error, match=message):
            method(x, y, verbose=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample_weight": [1.0]}, DataError, r"^30 texts, but 1 values in sample_weight; each text needs one$"),
        ({"class_weight": {"odd": 2}}, ConfigError, r"^class_weight has the key 'odd': use a label's name, or an"),
        ({"class_weight": {2: 2}}, ConfigError, r"^class_weight has the key 2: use a label's name, or an index to 1$"),
    ],
)
def test_wrong_weights_are_named(classifier, options, error, message):
    with pytest.raises(error, match=message):
        classifier.fit(TEXTS, LABELS, verbose=0, **options)


def test_indices_that_could_be_names_are_refused(tiny_bert):
    stars = trainable(tiny_bert, labels=["1", "2", "3"])
    with pytest.raises(DataError, match=r"^y\[0\]: 1 is the index of the label '2', and '1' is the name of another"):
        stars.evaluate(["a"], [1], verbose=0)
    assert stars.evaluate(["a"], ["1"], verbose=0)[0] > 0
    assert trainable(tiny_bert, labels=["0", "1"]).evaluate(["a"], [1], verbose=0)[0] > 0


# Outputs that are vectors.


def test_vectors_learn_from_arrays_by_a_loss_of_the_users(tiny_bert):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    wanted = np.random.default_rng(0).normal(size=(30, 32))
    by_ids = model.evaluate(arrays(model, TEXTS), wanted, verbose=0)
    assert model.evaluate(TEXTS, wanted, verbose=0) == pytest.approx(by_ids, abs=1e-5)
    history = model.fit(TEXTS, wanted, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), model.encode(TEXTS), atol=1e-5)


def test_outputs_per_token_have_the_length_of_the_longest_text(tiny_bert):
    model = FeatureExtractor.from_pretrained(tiny_bert, max_length=16)
    texts = ["good", "the film was good and warm", "the"]
    found = model.predict(texts, verbose=0, batch_size=1)
    wanted = model.predict_outputs(texts)
    assert found["sequence_output"].shape == (3, 8, 32)
    assert found["pooled_output"].shape == (3, 32)
    for row, own in zip(found["sequence_output"], wanted["sequence_output"], strict=True):
        np.testing.assert_allclose(row[: len(own)], own, atol=1e-5)
    mapped = model.predict(tf.data.Dataset.from_tensor_slices(texts).batch(2), verbose=0)
    assert mapped["sequence_output"].shape == (3, 16, 32)  # what is still to come is not known
    np.testing.assert_allclose(mapped["pooled_output"], wanted["pooled_output"], atol=1e-5)
    with pytest.raises(DataError, match=r"^y\['sequence_output'\]|y\[0\]: 4 vectors of sequence_output for 3 tokens$"):
        model.dataset(["good"], {"sequence_output": np.zeros((1, 4, 32))})


def test_no_texts_give_no_rows(classifier, tiny_bert):
    assert classifier.predict([], verbose=0).shape == (0, 2)
    found = FeatureExtractor.from_pretrained(tiny_bert).predict([], verbose=0)
    assert {name: value.shape for name, value in found.items()} == {
        "sequence_output": (0, 0, 32),
        "pooled_output": (0, 32),
    }


def test_callbacks_of_predict_see_every_batch_in_order(classifier):
    seen = []
    watch = keras.callbacks.LambdaCallback()
    watch.on_predict_batch_end = lambda batch, logs: seen.append(np.asarray(logs["outputs"]))
    found = classifier.predict(TEXTS, batch_size=8, verbose=0, callbacks=[watch])
    np.testing.assert_array_equal(np.concatenate(seen), found)
    assert len(seen) == 4
    assert classifier.predict(TEXTS, batch_size=8, steps=2, verbose=0).shape == (16, 2)


def test_right_answers_that_are_missing_are_missed_and_a_later_fit_goes_on(model):
    for method in (model.fit, model.evaluate):
        with pytest.raises(ConfigError, match=r"its loss needs right answers; give y, or a data set of \(x, y\)$"):
            method(TEXTS, verbose=0)
    with pytest.raises(ValueError, match="rank"):
        model.fit(arrays(model, TEXTS), np.zeros((30, 3)), verbose=0)
    assert np.isfinite(model.fit(TEXTS, LABELS, verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (TEXTS, {"text_column": "a"}, r"^text_column is given, but only files and DataFrames have columns; leave it"),
        (
            FRAME,
            {"foo": "a"},
            r"^foo: dataset takes no such argument; columns are named by text_column, pair_column, lab",
        ),
        (BATCHES, {"label_column": "a"}, r"^label_column is given, but only files"),
        (BATCHES, {"y": LABELS}, r"^the data set's elements hold y and sample_weight"),
        ("opinions.csv", {"y": LABELS}, r"^opinions.csv: the right answers of a file are in its column; leave y and"),
    ],
)
def test_arguments_that_would_be_ignored_are_refused(classifier, x, options, message):
    with pytest.raises(ConfigError, match=message):
        classifier.dataset(x, **options)
