"""The SavedModel, as somebody uses it who has TensorFlow and not kerasbert."""

import dataclasses
import json
import logging
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signatures
from conftest import small_vocabulary

from kerasbert import BertConfig, BertEncoder, TextClassifier, TokenClassifier
from kerasbert.errors import ExportError
from kerasbert.export.formats.saved_model.file import open_saved_model, write_saved_model
from kerasbert.export.formats.saved_model.from_texts import text_signatures
from kerasbert.export.formats.scores import scores_names
from kerasbert.export.formats.texts import why_not
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.fields import Field
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.task import Graph, Output
from kerasbert.tokenizers import WordPieceTokenizer

ALONE = """
import json, sys
import tensorflow as tf
import tensorflow_text
loaded = tf.saved_model.load(sys.argv[1])
asked = json.load(open(sys.argv[2], encoding="utf-8"))
answers = loaded.signatures["classify"](text=tf.constant(asked["texts"]))
pairs = loaded.signatures["classify_pair"](text=tf.constant(asked["texts"]), text_pair=tf.constant(asked["pairs"]))
given = {"logits": answers["logits"], "scores": answers["scores"], "pairs": pairs["logits"]}
print(json.dumps({name: value.numpy().tolist() for name, value in given.items()}))
print(sorted(name for name in sys.modules if name.split(".")[0] in ("kerasbert", "tokenizers")))
"""


def test_tensorflow_and_tensorflow_text_are_all_it_needs(exported, tmp_path):
    model = exported("bert").model
    texts, pairs = list(TEXTS), list(TEXTS[::-1])
    (tmp_path / "asked.json").write_text(json.dumps({"texts": texts, "pairs": pairs}), encoding="utf-8")
    folder = exported("bert").bundle / "saved_model"
    command = [sys.executable, "-c", ALONE, folder, "asked.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    answers, strangers = done.stdout.splitlines()
    assert strangers == "[]"
    answers = {name: np.array(values) for name, values in json.loads(answers).items()}
    np.testing.assert_allclose(answers["logits"], model.predict_logits(texts), atol=1e-4)
    np.testing.assert_allclose(answers["pairs"], model.predict_logits(texts, pairs), atol=1e-4)
    scores = [answer["score"] for answer in model.predict_text(texts)]
    np.testing.assert_allclose(answers["scores"].max(-1), scores, atol=1e-5)


def test_keras_calls_every_signature(exported):
    """`keras.layers.TFSMLayer`, with a dict of the inputs; and in a model, with the only input itself."""
    model, folder = exported("bert").model, str(exported("bert").bundle / "saved_model")
    texts, pairs = ["a lovely film", "awful"], ["the hotel", ""]
    strings = {"text": tf.constant(texts), "text_pair": tf.constant(pairs)}
    ids = {name: tf.constant(values) for name, values in model.tokenizer(texts).items()}
    given = {"predict": ids, "classify": {"text": strings["text"]}, "classify_pair": strings}
    given["serving_default"] = given["classify"]
    for name, inputs in given.items():
        found = keras.layers.TFSMLayer(folder, call_endpoint=name)(inputs)["logits"]
        wanted = model.predict_logits(texts, pairs if name == "classify_pair" else None)
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=name)
    text = keras.Input((), dtype="string")
    answers = keras.Model(text, keras.layers.TFSMLayer(folder, call_endpoint="classify")(text))(strings["text"])
    np.testing.assert_allclose(answers["logits"], model.predict_logits(texts), atol=1e-5)


def test_signatures_take_and_give_what_they_should(loaded):
    ids = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), ((None, None), tf.int32))
    text, pair = ({name: ((None,), tf.string)} for name in ("text", "text_pair"))
    wanted = {"predict": ids, "classify": text, "classify_pair": {**text, **pair}, "serving_default": text}
    assert set(loaded.signatures) == set(wanted)
    for name, signature in loaded.signatures.items():
        taken = signature.structured_input_signature[1]
        assert {key: (tuple(spec.shape), spec.dtype) for key, spec in taken.items()} == wanted[name]
        given = signature.structured_outputs
        assert set(given) == {"logits", "scores"}
        assert all((tuple(spec.shape), spec.dtype) == ((None, 2), tf.float32) for spec in given.values())


def with_fields(task, *fields):
    return dataclasses.replace(task, fields=tuple(Field(name, (name,), name, **options) for name, options in fields))


def test_signatures_for_texts_follow_the_fields_of_the_task():
    task = task_named("text-classification")
    for name in NAMES:
        each = task_named(name)
        names, verb = tuple(field.name for field in each.fields), each.words.verb
        optional = [field.name for field in each.fields if not field.required]
        wanted = {verb: names} if not optional else {verb: names[:1], f"{verb}_pair": names}
        assert text_signatures(each) == wanted
    assert text_signatures(with_fields(task, ("text", {}))) == {"classify": ("text",)}
    assert text_signatures(with_fields(task, ("b", {}), ("a", {}))) == {"classify": ("b", "a")}
    assert text_signatures(with_fields(task, ("words", {"kind": "words"}))) == {}
    assert text_signatures(with_fields(task, ("text", {"kind": "text or words"}))) == {"classify": ("text",)}
    assert text_signatures(with_fields(task, ("a", {}), ("b", {}), ("c", {}))) == {}


def test_a_task_of_a_question_and_a_context_has_one_signature_for_both(smallest_encoder, tmp_path):
    class Asker(TextClassifier):
        task = with_fields(TextClassifier.task, ("question", {}), ("context", {}))

    model = Asker(smallest_encoder, labels=["a", "b"], max_length=16)
    path = tmp_path / "saved_model"
    write_saved_model(model, {path: "none"})
    assert set(tf.saved_model.load(str(path)).signatures) == {"predict", "classify", "serving_default"}
    runs, texts = open_saved_model(path, model.graphs(), task=model.task)
    assert list(texts) == [("question", "context")]
    given = {"question": np.array(["good", "a film"], object), "context": np.array(["a room", "b"], object)}
    wanted = runs["model"](model.tokenizer(*given.values(), max_length=16))["logits"]
    np.testing.assert_allclose(texts["question", "context"](given)["logits"], wanted, atol=1e-5)


def test_scores_have_names_of_their_own():
    outputs = [Output(name, "row", bar, 2) for name, bar in (("start_logits", "choice"), ("embedding", "vector"))]
    assert scores_names(outputs) == {"start_logits": "start_scores"}
    with pytest.raises(
        ExportError, match=r"^the output 'tags' has scores \(choice\), so its name must end in 'logits'$"
    ):
        scores_names([Output("tags", "token", "choice", 3)])
    with pytest.raises(ExportError, match=r"^'scores' is an output, and the scores of 'logits' need that name$"):
        scores_names([Output("logits", "row", "choice", 2), Output("scores", "row", "vector", 2)])


def test_a_token_classifier_takes_only_ids_if_an_added_token_takes_spaces(tmp_path, caplog):
    keras.utils.set_random_seed(0)
    added = [{"content": "<e>", "lstrip": True}]
    tokenizer = WordPieceTokenizer(small_vocabulary(), added_tokens=added)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = BertConfig(vocab_size=tokenizer.vocab_size, max_position_embeddings=16, **sizes)
    encoder = BertEncoder(config, tokenizer=tokenizer, pooler=False)
    model = TokenClassifier(encoder, labels=["O", "B-PER", "I-PER"])
    with caplog.at_level(logging.INFO, "kerasbert"):
        write_saved_model(model, {tmp_path / "saved_model": "none"})
    assert "SavedModel: no signature for texts: the added token '<e>' takes the spaces beside it" in caplog.text
    assert set(tf.saved_model.load(str(tmp_path / "saved_model")).signatures) == {"predict", "serving_default"}
    (graph,) = model.graphs()
    assert why_not({**tokenizer.options(), "added_tokens": []}, graph) is None
    assert why_not(tokenizer.options(), Graph("model", graph.inputs, (Output("logits", "row", "choice", 2),))) is None


@pytest.mark.slow
def test_byte_pairs_have_only_ids(exported):
    loaded = tf.saved_model.load(str(exported("roberta").bundle / "saved_model"))
    assert set(loaded.signatures) == {"predict", "serving_default"}
    for signature in loaded.signatures.values():
        assert set(signature.structured_input_signature[1]) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("roberta", lambda logits: np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)),
        ("several labels", lambda logits: 1 / (1 + np.exp(-logits))),
        pytest.param("a number", lambda logits: logits, marks=pytest.mark.slow),
    ],
)
def test_scores_are_what_the_problem_makes_of_logits(exported, name, scores):
    loaded = tf.saved_model.load(str(exported(name).bundle / "saved_model"))
    ids = tf.constant([[0, 20, 30, 2], [0, 40, 2, 1]])
    given = loaded.signatures["predict"](input_ids=ids, attention_mask=tf.cast(ids != 1, tf.int32))
    np.testing.assert_allclose(given["scores"], scores(given["logits"].numpy()), atol=1e-6)


def test_bytes_that_are_no_utf8_are_answered(loaded, exported):
    given = loaded.signatures["classify"](text=tf.constant([b"good \xff film"]))
    np.testing.assert_allclose(given["logits"], exported("bert").model.predict_logits(["good \ufffd film"]), atol=1e-4)


def test_no_texts_give_no_answers(loaded):
    assert loaded.signatures["classify"](text=tf.zeros((0,), tf.string))["logits"].shape == (0, 2)
