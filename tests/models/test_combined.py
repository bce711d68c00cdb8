"""Layers of the user's own on an encoder, a masked BiLSTM beside a number: trained on texts, asked, saved, loaded."""

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from combined import LABELS, PRICES, TEXTS, bilstm
from keras import layers, ops

from kerasbert import BertEncoder, TextClassifier
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.tasks.text_classification import SEVERAL


@pytest.fixture(scope="module")
def model(tiny_bert):
    """For reading."""
    return bilstm(tiny_bert)


@pytest.fixture(scope="module")
def encoder(tiny_bert):
    return BertEncoder.from_pretrained(tiny_bert)


def logits(model, **further) -> np.ndarray:
    return model.predict_logits(TEXTS, price=PRICES, **further)


def test_its_outputs_are_those_of_the_functional_model_by_hand(tiny_bert):
    keras.utils.set_random_seed(2)
    encoder = BertEncoder.from_pretrained(tiny_bert)
    price = keras.Input((1,), name="price")
    pooled = layers.GlobalAveragePooling1D()(encoder.output["sequence_output"], mask=encoder.input["attention_mask"])
    outputs = layers.Dense(2)(layers.Concatenate()([pooled, price]))
    plain = keras.Model({**encoder.input, "price": price}, outputs)
    model = TextClassifier(encoder, labels=["a", "b"], outputs=outputs)
    arrays = {**model.tokenizer(TEXTS), "price": np.array(PRICES, "float32")[:, None]}
    wanted = plain.predict(arrays, verbose=0)
    np.testing.assert_allclose(model.predict(arrays, verbose=0), wanted, atol=1e-6)
    np.testing.assert_allclose(logits(model), wanted, atol=1e-5)
    assert np.abs(wanted - plain.predict({**arrays, "price": arrays["price"] + 1}, verbose=0)).max() > 1e-2


def test_padding_does_not_change_the_answer(model):
    alone = np.concatenate([model.predict_logits([text], price=[p]) for text, p in zip(TEXTS, PRICES, strict=True)])
    np.testing.assert_allclose(logits(model), alone, atol=1e-5)
    padded = {name: np.pad(x, [(0, 0), (0, 9)]) for name, x in model.tokenizer(TEXTS).items()}
    found = model.predict({**padded, "price": np.array(PRICES, "float32")[:, None]}, verbose=0)
    np.testing.assert_allclose(found, alone, atol=1e-5)


FORMS = {
    "dict": {"text": TEXTS, "price": PRICES},
    "arrays": {"text": np.array(TEXTS), "price": np.array(PRICES, "float32")[:, None]},
    "integers": {"text": TEXTS, "price": np.array(PRICES).astype("int64")},
    "DataFrame": pandas.DataFrame({"price": PRICES, "review": TEXTS}),
    "data set": tf.data.Dataset.from_tensor_slices({"text": TEXTS, "price": PRICES}).batch(3),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_come_beside_the_texts_in_every_form(model, form):
    np.testing.assert_allclose(model.predict(FORMS[form], verbose=0), logits(model), atol=1e-5)


def test_it_answers_with_the_number_by_name(model):
    answers = model.predict_text(TEXTS, price=PRICES)
    assert [each["label"] for each in answers] == [model.labels[i] for i in logits(model).argmax(-1)]
    (alone,) = model.predict_text(TEXTS[0], price=PRICES[0])
    assert alone["score"] == pytest.approx(answers[0]["score"])


def test_it_trains_on_texts_and_on_a_file(tiny_bert, file):
    lines = ["text,price,label", *(f"{t},{p},{label}" for t, p, label in zip(TEXTS, PRICES, LABELS, strict=True))]
    weights = {}
    for name in ("texts", "file"):
        model = bilstm(tiny_bert)
        before = model.head.get_weights()
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        x, y = {"text": TEXTS, "price": PRICES}, LABELS
        if name == "file":
            x, y = model.dataset(file("data.csv", "\n".join(lines)), shuffle=False), None
        model.fit(x, y, shuffle=False, verbose=0)
        weights[name] = model.head.get_weights()
        assert all(np.abs(new - old).max() > 0 for new, old in zip(weights[name], before, strict=True))
    for one, two in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_keras_file_gives_it_back(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")  # in safe mode
    np.testing.assert_allclose(logits(again), logits(model), atol=1e-6)
    assert [field.name for field in again.task.fields] == ["text", "text_pair", "price"]
    again.save(tmp_path / "again.keras")
    np.testing.assert_allclose(logits(keras.models.load_model(tmp_path / "again.keras")), logits(model), atol=1e-6)


def test_a_folder_of_transformers_cannot_hold_it(model, tmp_path):
    with pytest.raises(
        ConfigError, match=r'no place for layers of your own; write a file with model.save\("x.keras"\)$'
    ):
        model.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_encoder_may_be_called_as_a_layer(encoder):
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in encoder.input}
    found = encoder(inputs)["pooled_output"]
    model = TextClassifier(encoder, labels=["a", "b"], outputs=layers.Dense(2, name="top")(found))
    assert list(model.input) == list(encoder.input)
    top = model.head.get_layer("top")
    wanted = ops.convert_to_numpy(top(encoder.predict(encoder.tokenizer(TEXTS), verbose=0)["pooled_output"]))
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), wanted, atol=1e-5)


def test_hidden_states_and_several_numbers(encoder, tmp_path):
    sizes = keras.Input((3,), name="sizes")
    x = layers.Concatenate()([encoder.get_layer("block_0").output[:, 0], encoder.first_output[:, 0], sizes])
    labels = ["a", "b", "c"]
    model = TextClassifier(encoder, labels=labels, problem_type=SEVERAL, outputs=layers.Dense(3)(x))
    numbers = np.arange(3.0 * len(TEXTS)).reshape(-1, 3)
    found = model.predict({"text": TEXTS, "sizes": numbers}, verbose=0)
    np.testing.assert_allclose(model.predict_logits(TEXTS, sizes=numbers.tolist()), found, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict({"text": TEXTS, "sizes": numbers}, verbose=0), found, atol=1e-5)
    with pytest.raises(TokenizerError, match=r"^sizes\[0\] is \[1.0, 2.0\] \(list\), not a list of 3 numbers$"):
        model.predict_text(["a"], sizes=[[1, 2]])


def test_a_vector_of_the_encoder_is_computed_only_if_it_is_used(encoder):
    model = TextClassifier(encoder, labels=["a", "b"], outputs=layers.Dense(2)(encoder.first_output[:, 0]))
    assert list(model.head.input) == ["first_output"]
    assert "pooler" not in [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda e, x: layers.Dense(3)(x), r"^logits are \(None, 3\): the task needs \(batch, 2\)$"),
        (
            lambda e, x: layers.Dense(2)(e.output["sequence_output"]),
            r"^logits are \(None, None, 2\): the task needs \(b",
        ),
        (
            lambda e, x: layers.Dense(2)(layers.Add()([x, layers.Embedding(5, 32)(keras.Input((), name="id"))])),
            r"^the input 'id' is float32 \(None,\): beside the encoder's inputs there can be numbers, such as",
        ),
        (
            lambda e, x: layers.Dense(2)(e.pooler(e.first_output)),
            r"^outputs call the encoder's layer 'pooler' anew; take what it gives in the encoder, such as",
        ),
        (
            lambda e, x: layers.Dense(2)(x + BertEncoder.from_config(e.get_config()).output["pooled_output"]),
            r"^outputs use 'embeddings' of another encoder: a model has one, and its own layers stand on that$",
        ),
        (
            lambda e, x: layers.Dense(2)(x + BertEncoder.from_config(e.get_config())(e.input)["pooled_output"]),
            r"^outputs use '.*encoder.*' of another encoder: a model has one",
        ),
        *(
            (
                lambda e, x, name=name: layers.Dense(2)(layers.Concatenate()([x, keras.Input((1,), name=name)])),
                rf"^the input '{name}' is named as a part of text-classification: give it a name of its own$",
            )
            for name in ("text", "text_pair", "pair", "label")
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(encoder, make, message):
    with pytest.raises(ConfigError, match=message):
        TextClassifier(encoder, labels=["a", "b"], outputs=make(encoder, encoder.output["pooled_output"]))


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({}, r"^text-classification needs price$"),
        ({"price": [1.0]}, r"^text-classification: 2 in text, 1 in price; each example needs one value of each$"),
        ({"price": ["cheap", 1]}, r"^price\[0\] is 'cheap' \(str\), not a number$"),
        ({"price": [1, float("nan")]}, r"^price\[1\] is nan \(float\), not a number$"),
        ({"price": None}, r"^text-classification needs price$"),
        ({"price": [1, [2, 3]]}, r"^price\[1\] is \[2.0, 3.0\] \(list\), not a number$"),
        ({"price": [1, 2], "prize": 3}, r"^text-classification takes text, text_pair, price, not 'prize'$"),
        ({"price": object()}, r"^price is <object .*> \(object\), not a number or a list of numbers$"),
    ],
)
def test_numbers_that_are_missing_or_none_are_named(model, further, message):
    with pytest.raises(TokenizerError, match=message):
        model.predict_text(["a", "b"], **further)


def test_a_file_without_the_number_is_an_error_with_its_line(model, file):
    with pytest.raises(DataError, match=r"a.csv: no column 'price' among text, label; the model takes this number$"):
        model.dataset(file("a.csv", "text,label\ngood,a\n"))
    with pytest.raises(DataError, match=r"b.csv, line 2: no number in 'price' \(found 'cheap'\)$"):
        model.dataset(file("b.csv", "text,price,label\ngood,cheap,a\n"))
