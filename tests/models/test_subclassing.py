"""A class of the user's on top of a task's model: its own arguments, call, loss and step, on texts and in a file."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasbert import BertEncoder, TextClassifier

TEXTS = ["the film was good", "the room was cold", "a kind book", "bad service and a long day"]
LABELS = ["positive", "negative", "positive", "negative"]


@keras.saving.register_keras_serializable("tests")
class Sharp(TextClassifier):
    """Logits are multiplied; the loss is the squared distance of the labels' probabilities; steps are counted."""

    def __init__(self, encoder, *, factor=2.0, **settings):
        super().__init__(encoder, **settings)
        self.factor, self.steps = factor, 0

    def call(self, inputs, training=None, mask=None):
        return self.factor * super().call(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        assert set(x) == set(self.input)
        return ops.mean(ops.square(ops.one_hot(y, 2) - ops.softmax(y_pred)))

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("tests")
class Counted(Sharp):
    def train_step(self, *args, **kwargs):
        self.steps += 1
        return super().train_step(*args, **kwargs)


def made(cls, folder, **compiled):
    keras.utils.set_random_seed(1)
    encoder = BertEncoder.from_pretrained(folder)
    model = cls(encoder, labels=["negative", "positive"], max_length=16, factor=3.0)
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True, **compiled)
    return model


@pytest.mark.parametrize("cls", [Sharp, Counted])
def test_it_learns_from_texts_by_its_own_loss_and_step(tiny_bert, cls):
    model = made(cls, tiny_bert)
    logits = model.predict(TEXTS, verbose=0)
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    wanted = np.square(np.eye(2)[[1, 0, 1, 0]] - shares).mean()
    assert model.evaluate(TEXTS, LABELS, verbose=0)[0] == pytest.approx(wanted, abs=1e-5)
    model.fit(TEXTS, LABELS, batch_size=2, epochs=2, verbose=0)
    assert np.abs(model.predict(TEXTS, verbose=0) - logits).max() > 1e-3
    assert model.steps == (4 if cls is Counted else 0)


def test_its_own_call_makes_the_answers(tiny_bert):
    model = made(Sharp, tiny_bert)
    plain = keras.Model(model.inputs, model.get_layer("classifier").output)
    ids = model.tokenizer(TEXTS)
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), 3 * plain.predict(ids, verbose=0), atol=1e-5)
    np.testing.assert_allclose(model.predict_logits(TEXTS), 3 * plain.predict(ids, verbose=0), atol=1e-5)


def test_its_keras_file_gives_it_back_with_tokenizer_and_arguments(tiny_bert, tmp_path):
    model = made(Counted, tiny_bert)
    model.fit(TEXTS, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert (type(again), again.factor, again.labels) == (Counted, 3.0, ("negative", "positive"))
    np.testing.assert_allclose(again.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0), atol=1e-6)
    again.fit(TEXTS, LABELS, verbose=0)
    assert again.steps == 1


def test_a_model_that_learns_without_labels_gets_texts_alone(tiny_bert):
    class Alike(Sharp):
        """Learns that two passes with other dropout masks give the same."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert y is None
            return ops.mean(ops.square(y_pred - self(x, training=True)))

    model = made(Alike, tiny_bert, metrics=[])
    assert min(model.fit(TEXTS, epochs=2, verbose=0).history["loss"]) > 0


def test_keras_clones_a_compiled_model(tiny_bert):
    model = TextClassifier(BertEncoder.from_pretrained(tiny_bert), labels=["negative", "positive"], max_length=16)
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    ids = model.tokenizer(TEXTS)
    np.testing.assert_allclose(clone.predict(ids, verbose=0), model.predict(TEXTS, verbose=0), atol=1e-6)
