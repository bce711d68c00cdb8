"""What a Keras user may give wrongly to `fit`, `evaluate`, `predict` and `compile`: one line with value and place."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert import BertEncoder, TextClassifier, TokenClassifier
from kerasbert.errors import ConfigError, DataError, KerasBertError, TokenizerError

TEXTS, LABELS = ["a film", "an odd book", "a cup"], ["good", "bad", "good"]


@pytest.fixture(scope="module")
def classifier(tiny_bert):
    """For calls that fail, and for reading."""
    keras.utils.set_random_seed(3)
    model = TextClassifier.from_pretrained(tiny_bert, labels=["bad", "good"], max_length=16)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def refused(call, message: str, error: type = KerasBertError) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1, None, "2", 1e39, [1.0]], ids=repr)
def test_a_weight_that_would_ruin_the_model_is_named(classifier, weight):
    before = classifier.get_weights()
    refused(
        lambda: classifier.fit(TEXTS, LABELS, class_weight={"good": weight}, verbose=0),
        r"^class_weight\['good'\] is .*: give a finite number from 0$",
        ConfigError,
    )
    for method in (classifier.fit, classifier.evaluate):
        refused(
            lambda method=method: method(TEXTS, LABELS, sample_weight=[1, weight, 1], verbose=0),
            r"^sample_weight\[1\] is .*: give a finite number from 0$",
            DataError,
        )
    for old, new in zip(before, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("weights", [[1, 2], "balanced"], ids=repr)
@pytest.mark.parametrize("ids", [False, True], ids=["texts", "ids"])
def test_class_weights_are_a_dict(classifier, weights, ids):
    x, y = (classifier.tokenizer(TEXTS), np.array([1, 0, 1])) if ids else (TEXTS, LABELS)
    message = r"^class_weight is .*: give a dict of weights by label, such as \{0: 1.0, 1: 2.5\}$"
    refused(lambda: classifier.fit(x, y, class_weight=weights, verbose=0), message, ConfigError)


@pytest.mark.parametrize("weights", ["heavy", {1.0, 2.0, 3.0}, np.float32(1), 2], ids=["str", "set", "float32", "int"])
def test_sample_weights_are_a_list(classifier, weights):
    message = r"^sample_weight is .*: give one value for each of 3 texts$"
    refused(lambda: classifier.evaluate(TEXTS, LABELS, sample_weight=weights, verbose=0), message, DataError)


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", True], ids=repr)
def test_a_batch_has_rows(classifier, size):
    message = r"^batch_size is .*: give a whole number from 1$"
    calls = (classifier.fit, classifier.evaluate)
    for call in (
        *(lambda call=call: call(TEXTS, LABELS, batch_size=size, verbose=0) for call in calls),
        lambda: classifier.predict(TEXTS, batch_size=size, verbose=0),
        lambda: classifier.predict(classifier.tokenizer(TEXTS), batch_size=size, verbose=0),
        lambda: classifier.predict_text(TEXTS, batch_size=size),
        lambda: classifier.dataset(TEXTS, LABELS, batch_size=size),
    ):
        refused(call, message, ConfigError)
    held_out = {"validation_data": (TEXTS, LABELS), "validation_batch_size": size}
    refused(lambda: classifier.fit(TEXTS, LABELS, verbose=0, **held_out), "^validation_" + message[1:], ConfigError)


def test_a_third_column_is_no_batch_size(classifier):
    message = r"^batch_size is \['.*: give \(texts, text_pairs\) as x, and the right answers as y$"
    for call in (classifier.fit, classifier.evaluate):
        refused(lambda call=call: call(TEXTS, TEXTS, LABELS, verbose=0), message, ConfigError)


@pytest.mark.parametrize("share", ["0.2", float("nan"), -0.1, 1.0], ids=repr)
def test_a_share_is_held_out(classifier, share):
    message = r"^validation_split is .*: give a share from 0 to below 1, such as 0.2$"
    refused(lambda: classifier.fit(TEXTS, LABELS, validation_split=share, verbose=0), message, ConfigError)


def test_a_share_is_of_texts_and_leaves_some(classifier):
    message = r"^validation_split is 0.6: of 2 texts it leaves none on one side$"
    refused(lambda: classifier.fit(TEXTS[:2], LABELS[:2], validation_split=0.6, verbose=0), message, ConfigError)
    message = r"^validation_split is 0.2: a data set is not cut; give validation_data$"
    data = tf.data.Dataset.from_tensors((TEXTS, LABELS))
    refused(lambda: classifier.fit(data, validation_split=0.2, verbose=0), message, ConfigError)


def test_an_argument_that_names_no_column_is_named(classifier):
    message = r"^foo: dataset takes no such argument; columns are named by text_column, pair_column, label_column$"
    for x in (TEXTS, "opinions.csv"):
        refused(lambda x=x: classifier.dataset(x, text_column=None, foo="a"), message, ConfigError)


class TextBatches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return np.array(TEXTS), np.array([1, 0, 1])


TAKEN = (
    r": give texts \(a list, an array of strings, a column of a DataFrame, a tf.data.Dataset of strings\), or a dict "
)
UNREADABLE = {
    "None first": (lambda: [None, "a"], r"^text\[0\] is None \(NoneType\), not a string$"),
    "a number first": (lambda: [3, "a"], r"^text\[0\] is 3 \(int\), not a string$"),
    "a NumPy number first": (lambda: [np.int64(3), "a"], r"^text\[0\] is .*3.* \(int64\), not a string$"),
    "bytes that are no text first": (lambda: [b"\xff", "a"], r"^the text b'\\xff' is not UTF-8$"),
    "a dict first": (lambda: [{"text": "a"}], r"^text\[0\] is \{'text': 'a'\} \(dict\), not a string$"),
    "lists of ids": (lambda: ([101, 102], [103]), r"^text\[0\] is 101 \(int\), not a string$"),
    "rows of several lengths": (
        lambda: [["a", "b"], ["c"]],
        r"^text-classification: .* of 1 and of 2 values; each example needs one value of each$",
    ),
    "rows that are too long": (
        lambda: [["a", "b", "c"]],
        r"^text-classification takes text, text_pair, not 3 columns$",
    ),
    "a set": (lambda: {"a"}, r"^x is \{'a'\} \(set\)" + TAKEN),
    "None": (lambda: None, r"^x is None \(NoneType\)" + TAKEN),
    "an array of numbers": (lambda: np.array([1, 2]), r"^x is an array of int64" + TAKEN),
    "a data set of numbers": (lambda: tf.data.Dataset.from_tensors([1, 2]), r"^x is a data set of int32" + TAKEN),
    "a generator": (lambda: (np.array([text]) for text in TEXTS), r"^x gives batches of texts" + TAKEN),
    "a PyDataset": (TextBatches, r"^x gives batches of texts" + TAKEN),
}


@pytest.mark.parametrize("form", UNREADABLE)
def test_what_is_no_text_is_named_with_its_place(classifier, form):
    make, message = UNREADABLE[form]
    for method in (classifier.fit, classifier.evaluate, classifier.predict):
        refused(lambda method=method: method(make(), verbose=0), message, TokenizerError)


def test_a_set_has_no_order(classifier):
    refused(lambda: classifier.predict_text({"a", "b"}), r"^text is \{.*\} \(set\), not a string or a list of strings$")
    message = r"^y is \{.*\}: give one value for each of 3 texts$"
    refused(lambda: classifier.fit(TEXTS, {"good", "bad", "odd"}, verbose=0), message, DataError)


def test_an_array_may_hold_one_text_or_none(classifier):
    np.testing.assert_array_equal(
        classifier.predict(np.array("a film"), verbose=0), classifier.predict(["a film"], verbose=0)
    )
    assert classifier.predict(np.array([]), verbose=0).shape == (0, 2)
    np.testing.assert_array_equal(
        classifier.predict([b"a film", "an odd book"], verbose=0), classifier.predict(TEXTS[:2], verbose=0)
    )


def test_generators_of_ids_go_to_keras(classifier):
    ids = dict(classifier.tokenizer(TEXTS))
    labels = np.array([1, 0, 1])
    wanted = classifier.evaluate(ids, labels, verbose=0)
    assert classifier.evaluate(iter_of((ids, labels)), steps=1, verbose=0) == pytest.approx(wanted, abs=1e-6)
    data = tf.data.Dataset.from_tensor_slices((ids, [1, 0, 1])).batch(3)
    assert classifier.evaluate(data, verbose=0) == pytest.approx(wanted, abs=1e-6)


def iter_of(*batches):
    yield from batches


@pytest.mark.parametrize("labels", [LABELS, tuple(LABELS), np.array(LABELS), np.array(LABELS, object)], ids=type)
def test_ids_learn_from_indices(classifier, labels):
    ids = dict(classifier.tokenizer(TEXTS))
    for method in (classifier.fit, classifier.evaluate):
        message = r"^y has names, such as .*'good'.*: with ids give indices of labels, or give texts$"
        refused(lambda method=method: method(ids, labels, verbose=0), message, DataError)


@pytest.mark.parametrize("labels", [2, None, "good", [1, 2]], ids=repr)
def test_labels_are_a_list_of_names(tiny_bert, labels):
    encoder = BertEncoder.from_pretrained(tiny_bert)
    refused(lambda: TextClassifier(encoder, labels=labels), r"^labels is .*: give a list of names$", ConfigError)


def test_one_batch_of_texts_is_what_the_arrays_are(tiny_bert):
    models = []
    for texts in (True, False):
        keras.utils.set_random_seed(3)
        model = TextClassifier.from_pretrained(tiny_bert, labels=["bad", "good"], max_length=16)
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        x, y = (TEXTS, LABELS) if texts else (dict(model.tokenizer(TEXTS)), np.array([1, 0, 1]))
        found = [model.predict_on_batch(x), *model.test_on_batch(x, y)]
        weights = {"sample_weight": np.array([1.0, 2.0, 0.5]), "class_weight": {"good": 3.0} if texts else None}
        if not texts:
            weights["sample_weight"] *= [3, 1, 3]
        model.train_on_batch(x, y, **weights)
        models.append([*found, *model.get_weights()])
    for one, two in zip(*models, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


# Losses and metrics that would mean something else than they say.


def all_wrong(model) -> tuple:
    """Sentences of words, and tags that the model gives none of."""
    words = ["the", "film", "was", "good"]
    (each,) = model.answered(model.task.examples([words]))
    (row,), (logits,) = each.rows, each.outputs["logits"]
    firsts = [row.encoding.word_ids.index(number) for number in range(len(words))]
    best = {"O": "B-A", "B-A": "O"}
    found = [model.labels[logits[place].argmax()] for place in firsts]
    return [words, words[:1]], [[best[tag] for tag in found], [best[found[0]]]]


@pytest.mark.parametrize("given", [["accuracy"], "accuracy", {"logits": ["accuracy"]}], ids=str)
def test_metrics_per_token_do_not_count_padding(tiny_bert, given):
    keras.utils.set_random_seed(3)
    model = TokenClassifier.from_pretrained(tiny_bert, labels=["O", "B-A"], max_length=16)
    kernel, bias = model.get_layer("classifier").get_weights()
    model.get_layer("classifier").set_weights([kernel * 0, bias + np.array([1, 0])])  # always O
    texts, tags = all_wrong(model)
    for options in ({"metrics": given}, {"metrics": given, "loss": "sparse_categorical_crossentropy"}):
        model.compile(run_eagerly=True, **options)
        found = model.evaluate(texts, tags, verbose=0, return_dict=True)
        assert found["accuracy"] == 0
        assert found["loss"] == pytest.approx(np.log(1 + np.e), abs=1e-5)
    right = [["O"] * len(each) for each in tags]
    assert model.evaluate(texts, right, verbose=0, return_dict=True)["accuracy"] == 1


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"])
@pytest.mark.parametrize("form", [str, lambda x: [x]], ids=["alone", "list"])
def test_a_loss_by_name_is_of_logits(classifier, tiny_bert, loss, form):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["bad", "good"], max_length=16)
    model.set_weights(classifier.get_weights())
    model.compile(keras.optimizers.SGD(0.1), loss=form(loss), metrics=["accuracy"], run_eagerly=True)
    wanted = classifier.evaluate(TEXTS, LABELS, verbose=0)
    assert model.evaluate(TEXTS, LABELS, verbose=0) == pytest.approx(wanted, abs=1e-6)


def test_several_labels_take_binary_crossentropy(tiny_bert):
    model = TextClassifier.from_pretrained(
        tiny_bert, labels=["bad", "good"], problem_type="multi_label_classification", max_length=16
    )
    losses = []
    for loss in (None, "binary_crossentropy"):
        model.compile(loss=loss, run_eagerly=True)
        found = model.evaluate(TEXTS, [["good"], [], ["bad", "good"]], verbose=0, return_dict=True)
        losses.append(found["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    refused(
        lambda: model.compile(loss="sparse_categorical_crossentropy"), r"^loss is 'sparse_categorical_crossentropy': th"
    )


@pytest.mark.parametrize("loss", ["binary_crossentropy", "categorical_crossentropy", "CategoricalCrossentropy"])
def test_a_loss_for_other_right_answers_is_refused(tiny_bert, loss):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["bad", "good"], max_length=16)
    message = rf"^loss is '{loss}': this model has another kind of right answers; leave loss out$"
    refused(lambda: model.compile(loss=loss), message, ConfigError)


def test_a_list_of_lists_is_words_where_a_task_takes_words(tiny_bert):
    model = TokenClassifier.from_pretrained(tiny_bert, labels=["O", "B-A"], max_length=16)
    found = model.task.examples([["a", "film"], ["an", "odd"]])
    assert [each.fields["text"] for each in found] == [["a", "film"], ["an", "odd"]]
