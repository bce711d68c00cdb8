"""A classifier with layers of a user's own, as tests of models and of exports need it."""

import keras
from keras import layers, ops

from kerasbert import BertEncoder, TextClassifier

TEXTS = [
    "the film was good",
    "bad",
    "the room was cold and the staff rude one night",
    "a kind book",
    "warm day in city",
]
PRICES = [3.0, -1.0, 5.0, 2.0, 7.0]
LABELS = ["good", "bad", "bad", "good", "good"]


def bilstm(folder, *, units: int = 6, max_length: int = 24) -> TextClassifier:
    """A BiLSTM over the tokens' vectors, without the padding's, beside a number."""
    keras.utils.set_random_seed(4)
    encoder = BertEncoder.from_pretrained(folder)
    price = keras.Input((1,), name="price")
    mask = ops.cast(encoder.input["attention_mask"], "bool")
    x = layers.Bidirectional(layers.LSTM(units))(encoder.output["sequence_output"], mask=mask)
    x = layers.Dense(8, activation="tanh")(layers.Concatenate()([x, price]))
    return TextClassifier(encoder, labels=["bad", "good"], max_length=max_length, outputs=layers.Dense(2)(x))
