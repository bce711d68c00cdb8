"""What a Keras user may give wrongly to `fit`, `evaluate`, `predict` and `compile`: one line with value and place."""

import keras
import numpy as np
import pytest

from kerasbert import TextClassifier
from kerasbert.errors import ConfigError, DataError, KerasBertError

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


@pytest.mark.parametrize("share", ["0.2", float("nan"), -0.1, 1.0], ids=repr)
def test_a_share_is_held_out(classifier, share):
    message = r"^validation_split is .*: give a share from 0 to below 1, such as 0.2$"
    refused(lambda: classifier.fit(TEXTS, LABELS, validation_split=share, verbose=0), message, ConfigError)
