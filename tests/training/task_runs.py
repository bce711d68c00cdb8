"""Models of every kind of task and loss, and short trainings of them, for `replica_runs.py`."""

import dataclasses
import json

import keras
import numpy as np
from keras import ops

from kerasbert import (
    BertConfig,
    BertEncoder,
    FeatureExtractor,
    MultipleChoice,
    QuestionAnswerer,
    SentenceEncoder,
    Seq2Seq,
    TextClassifier,
)
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.batches import NO_TOKEN
from kerasbert.tasks.feature_extraction import TASK, Settings
from kerasbert.tasks.task import Output
from kerasbert.training.optimizers import AdamW

VOCABULARY, LENGTH, LABELS, WIDTH = 40, 9, 3, 8
FREQUENT = 3
"""A token that `writer` writes most of the time."""
TOKENS, CHOICE = Output("tags", "token", "choice", LABELS), Output("logits", "row", "choice", LABELS)


def encoder(*, dropout: float = 0.0, dtype=None, layers: int = 1, pooler: bool = True) -> BertEncoder:
    keras.utils.set_random_seed(5)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.3,
    )
    return BertEncoder(config, pooler=pooler, dtype=dtype)


class Heads(TextModel):
    """One dense head for each of some outputs."""

    def __init__(self, encoder, outputs, **options):
        self.task = dataclasses.replace(TASK, graphs=lambda settings: (self.graph_of(outputs),))
        vectors = {"token": encoder.output["sequence_output"], "row": encoder.output["pooled_output"]}
        found = {x.name: keras.layers.Dense(x.width, name=x.name, **options)(vectors[x.axis]) for x in outputs}
        found = found if len(found) > 1 else found[outputs[0].name]
        super().__init__(encoder=encoder, settings=Settings(max_length=LENGTH), outputs=found)

    @staticmethod
    def graph_of(outputs):
        return dataclasses.replace(TASK.graphs(Settings(max_length=LENGTH))[0], outputs=outputs)


class OwnLoss(TextClassifier):
    """Its loss is a mean over the rows, one part of it by a loss of Keras's."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        squares = keras.losses.MeanSquaredError()(ops.one_hot(y, LABELS), y_pred)
        return squares + ops.mean(ops.abs(y_pred))


class OwnMetrics(TextClassifier):
    """Gives a figure that is no metric."""

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "mean_logit": ops.mean(y_pred)}


class Penalty(keras.layers.Layer):
    """Adds a loss of the rows it gets."""

    def call(self, x):
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


class Penalised(TextModel):
    """A classifier with a penalty on its logits and a regulariser on its weights."""

    task = dataclasses.replace(TASK, graphs=lambda settings: (Heads.graph_of((CHOICE,)),))

    def __init__(self, encoder):
        dense = keras.layers.Dense(LABELS, kernel_regularizer=keras.regularizers.L2(0.1), name="logits")
        outputs = Penalty()(dense(encoder.output["pooled_output"]))
        super().__init__(encoder=encoder, settings=Settings(max_length=LENGTH), outputs=outputs)


def one_number(y_true, y_pred):
    """A loss that returns the mean over the rows it gets."""
    return ops.mean(ops.square(ops.one_hot(ops.cast(y_true, "int32"), LABELS) - y_pred))


def apart(y_true, y_pred):
    """1 less the cosine of vectors of length 1."""
    return 1.0 - ops.sum(y_true * y_pred, axis=-1)


def classifier(kind=TextClassifier, *, problem_type="single_label_classification", labels="abc", **options):
    return kind(encoder(**options), labels=list(labels), problem_type=problem_type)


def writer(**options):
    """Some of its tokens are foretold before it has learned anything."""
    model = Seq2Seq(encoder(pooler=False, **options), decoder_start_token_id=1, eos_token_id=2)
    model.decoder.mlm.bias.assign(5.0 * (np.arange(VOCABULARY) == FREQUENT))
    return model


def adapted(model):
    model.enable_lora(2)
    return model


MODELS = {
    "single label": (classifier, "label", {}),
    "several labels": (lambda **x: classifier(problem_type="multi_label_classification", **x), "labels", {}),
    "number": (lambda **x: classifier(problem_type="regression", labels="v", **x), "number", {}),
    "sentence": (lambda: SentenceEncoder(encoder()), "vector", {"loss": apart, "metrics": ["cosine_similarity"]}),
    "scored pairs": (lambda **x: SentenceEncoder(encoder(pooler=False, **x)), "scored pairs", {}),
    "features": (lambda: FeatureExtractor(encoder()), "pooled", {"loss": {"pooled_output": "mse"}}),
    "questions": (lambda: QuestionAnswerer(encoder(pooler=False), max_length=LENGTH), "places", {}),
    "tokens": (lambda **x: Heads(encoder(**x), (TOKENS,)), "tags", {}),
    "two outputs": (lambda: Heads(encoder(), (CHOICE, TOKENS)), "two", {"loss_weights": {"logits": 0.5, "tags": 2.0}}),
    "choices": (lambda **x: MultipleChoice(encoder(**x)), "choices", {}),
    "texts": (writer, "texts", {}),
    "function": (classifier, "label", {"loss": one_number, "weighted_metrics": ["accuracy"]}),
    "own compute_loss": (lambda: classifier(OwnLoss), "label", {}),
    "own compute_metrics": (lambda: classifier(OwnMetrics), "label", {}),
    "lora": (lambda **x: adapted(classifier(**x)), "label", {}),
    "penalised": (lambda: Penalised(encoder()), "label", {}),
}
"""Name -> what makes the model, its targets and what `compile` gets."""


def batch(targets: str, rows: int = 5) -> tuple:
    """Inputs, targets and, with "tags", "two" and "weighted ...", weights. Rows differ in length."""
    chance = np.random.default_rng(3)
    lengths = chance.integers(3, LENGTH + 1, rows)
    real = (np.arange(LENGTH) < lengths[:, None]).astype("int32")
    inputs = {
        "input_ids": chance.integers(5, VOCABULARY, (rows, LENGTH)).astype("int32") * real,
        "attention_mask": real,
        "token_type_ids": (np.arange(LENGTH) > 2) * real,
    }
    label, tags = chance.integers(0, LABELS, rows), chance.integers(0, LABELS, (rows, LENGTH))
    weights = (chance.random((rows, LENGTH)) * real * (np.arange(rows)[:, None] > 0)).astype("float32")
    vector = chance.normal(size=(rows, WIDTH)).astype("float32")
    right = {"start_logits": lengths * 0 + 1, "end_logits": lengths - 1}
    places = {
        name: np.where(real, np.arange(LENGTH) == place[:, None], NO_TOKEN).astype("float32")
        for name, place in right.items()
    }
    if targets == "texts":
        inputs["decoder_input_ids"] = chance.integers(FREQUENT, VOCABULARY, (rows, LENGTH)).astype("int32")
        return inputs, chance.integers(FREQUENT, FREQUENT + 3, (rows, LENGTH)), weights
    found = {
        "label": (label,),
        "labels": (chance.integers(0, 2, (rows, LABELS)).astype("float32"),),
        "number": (chance.normal(size=(rows, 1)).astype("float32"),),
        "vector": (vector / np.linalg.norm(vector, axis=1, keepdims=True),),
        "pooled": ({"pooled_output": vector},),
        "tags": (tags, weights),
        "places": (places, dict.fromkeys(places, weights[:, 0])),
        "two": ({"logits": label, "tags": tags}, {"tags": weights}),
        "weighted label": (label, chance.random(rows).astype("float32")),
    }
    return inputs, *found[targets]


def choices(targets: str, rows: int = 5) -> tuple:
    """Inputs (examples, choices, length) with 2 or 3 choices, targets and, with "weighted choices", weights."""
    sizes = np.array([3, 2, 2, 3, 2])[:rows]
    inputs, label, weights = batch("weighted label", rows * 3)
    real = (np.arange(3) < sizes[:, None])[..., None]
    inputs = {name: values.reshape(rows, 3, -1) * real for name, values in inputs.items()}
    wanted = np.eye(3, dtype="float32")[label[:rows] % sizes]
    return (inputs, wanted, weights[:rows]) if "weighted" in targets else (inputs, wanted)


def scored_pairs(targets: str, rows: int = 5) -> tuple:
    """Inputs (examples, 2, length), and the right cosine of each pair in both of its rows."""
    inputs, _, weights = batch("weighted label", rows * 2)
    inputs = {name: values.reshape(rows, 2, -1) for name, values in inputs.items()}
    return inputs, np.repeat(weights[:rows, None, None], 2, axis=1)


COMPILED = ("accumulate", "recompute", "jit_compile", "run_eagerly")


MAKERS = {"choices": choices, "pairs": scored_pairs}
"""The last word of targets -> what makes a batch of them, if it is not `batch`."""


def train_task(strategy, name, *, rows=5, optimizer="sgd", steps=1, evaluate=False, **options) -> dict:
    """Trains for some steps of one batch -> all `weights`, how far they `moved`, and figures."""
    import tensorflow as tf

    make, targets, compiled = MODELS[name]
    compiled = {**compiled, **{each: options.pop(each) for each in COMPILED if each in options}}
    targets = options.pop("targets", targets)
    made = MAKERS.get(targets.rpartition(" ")[2], batch)(targets, rows)
    data = tf.data.Dataset.from_tensors(made).repeat(steps)
    with strategy.scope():
        model = make(**options)
        if optimizer == "sgd":
            optimizer = keras.optimizers.SGD(0.5, momentum=0.9, global_clipnorm=0.1)
        else:
            optimizer = AdamW(1e-2, weight_decay=0.1, epsilon=1e-3, global_clipnorm=0.1)
        before = model.get_weights()
        model.compile(optimizer, **compiled)
        history = model.fit(data, verbose=0, shuffle=False).history
    weights = [np.asarray(w).ravel() for w in model.get_weights() if w.dtype.kind == "f"]
    before = [w.ravel() for w in before if w.dtype.kind == "f"]
    evaluation = {"evaluation": json.dumps(model.evaluate(data, verbose=0, return_dict=True))} if evaluate else {}
    return {
        "weights": np.concatenate(weights),
        "moved": np.abs(np.concatenate(weights) - np.concatenate(before)).max(),
        "history": json.dumps({name: float(values[-1]) for name, values in history.items()}),
        **evaluation,
    }
