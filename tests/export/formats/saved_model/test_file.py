"""The SavedModel, as somebody uses it who has TensorFlow and not kerasbert."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signatures

from kerasbert.tasks.golden import TEXTS

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
