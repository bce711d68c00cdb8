"""A question answerer's bundle: windows of a context, places in it, and the gate's judgement of parts of it."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts
from edits import change_golden, rewrite

from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.benchmark.measure import examples_of
from kerasbert.export.exportable import check_model
from kerasbert.export.gate import golden
from kerasbert.export.gate.opening import open_any
from kerasbert.export.gate.subject import Subject
from kerasbert.export.options import ExportOptions
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Example

QUESTION, CONTEXT = "what was good", "😀 the hotel was bad. " * 12 + "the film was lovely, and the room was good."


@pytest.fixture(scope="module")
def bundle(answerer, tmp_path_factory):
    """A model with windows of 48 tokens, and its bundle of two kinds of files, in float32 and in 8 bits."""
    model, folder = answerer(48), tmp_path_factory.mktemp("questions") / "bundle"
    rows = export_bundle(model, folder, formats=("tflite", "onnx"), quantize=["none", "int8"], sequence_lengths=[48])
    assert [row.failed for row in rows] == [None] * 4
    return model, folder


def test_every_file_answers_as_keras_does(bundle):
    model, folder = bundle
    (wanted,) = model.predict_text([QUESTION], [CONTEXT])
    assert CONTEXT[wanted["start"] : wanted["end"]] == wanted["answer"] != ""
    for file in ("tflite", "onnx"):
        (found,) = open_any(folder, file).pipeline.predict_text([QUESTION], [CONTEXT])
        assert found == {**wanted, "score": pytest.approx(wanted["score"], abs=1e-5)}
    assert load(folder)(QUESTION, CONTEXT)["answer"] == wanted["answer"]


def test_golden_json_has_what_a_port_needs(bundle):
    model, folder = bundle
    for each, example in zip(golden.read(folder, Manifest.read(folder).graphs), model.task.golden, strict=True):
        example = golden.shortened(example, model.settings.max_length)
        assert each.example == example.fields
        for recorded, row in zip(each.rows, model.task.rows(model.tokenizer, example, model.settings), strict=True):
            assert recorded.offsets == [list(place) for place in row.encoding.offsets]
            assert recorded.kept == [row.kept.start, row.kept.stop]
            assert {name: len(values) for name, values in recorded.outputs.items()} == dict.fromkeys(
                ("start_logits", "end_logits"), len(row)
            )
        assert each.answer["answer"] == example.fields["context"][each.answer["start"] : each.answer["end"]] != ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda recorded: recorded[0]["rows"][0]["offsets"][1].reverse(), "places of the tokens of 'Who was the"),
        (lambda recorded: recorded[0]["answer"].update(end=99), "90.00% of answers agree, 100% wanted"),
        (lambda recorded: recorded[0]["rows"][0]["outputs"]["end_logits"].reverse(), "end_logits: outputs differ by"),
    ],
)
def test_the_gate_sees_a_change(bundle, tmp_path, change, said):
    folder = shutil.copytree(bundle[1], tmp_path / "copy")
    change_golden(folder, change)
    rewrite(folder)
    for row in verify(folder, files=["tflite", "onnx"]):
        assert said in row.failed


@pytest.mark.parametrize(
    ("file", "theirs", "ours", "excused"),
    [
        ("tflite-int8", (4.0, 0.0), (0.0, 4.0), False),  # Keras is sure
        ("tflite-int8", (1.01, 1.0), (0.0, 4.0), False),  # the file is sure of something else
        ("tflite-int8", (1.01, 1.0), (1.0, 1.01), True),
        ("tflite-int8", (1.01, 1.0), (1.02, 1.0), False),  # the answers are equal, so there is nothing to excuse
        ("tflite", (1.01, 1.0), (1.0, 1.01), False),
        ("tflite", (1.000001, 1.0), (1.0, 1.000001), True),  # a tie
    ],
)
def test_another_answer_is_excused_if_both_hesitate(bundle, file, theirs, ours, excused):
    model, folder = bundle
    subject = Subject.of(open_any(folder, file), data=(), reference=None, max_drop=None)
    (found,) = model.answered(model.task.examples(["who"], ["one two three"]))

    def outputs(of_one: float, of_three: float) -> dict:
        starts = np.full(len(found.rows[0]), -9.0, "float32")
        starts[[*found.rows[0].encoding.tokens].index("one")] = of_one
        starts[[*found.rows[0].encoding.tokens].index("three")] = of_three
        return {"start_logits": [starts], "end_logits": [2 * starts]}

    assert subject.hesitates(replace(found, outputs=outputs(*ours)), outputs(*theirs)) == excused


@pytest.mark.slow
def test_a_signature_takes_questions_and_contexts(answerer, tmp_path):
    """It answers from the first window of a context, and padding has no share in the scores."""
    model, folder = answerer(48), tmp_path / "bundle"
    (row,) = export_bundle(model, folder, formats="saved_model")
    assert row.failed is None
    texts = {"question": [QUESTION, "who", "what " * 40], "context": [CONTEXT, "one two three", "the room"]}
    given = {name: tf.constant(values) for name, values in texts.items()}
    for name in ("answer", "serving_default"):
        found = keras.layers.TFSMLayer(str(folder / "saved_model"), call_endpoint=name)(given)
        np.testing.assert_array_equal(found["truncated"], [True, False, True])
        for row, one in enumerate(zip(texts["question"][:2], texts["context"][:2], strict=True)):
            (wanted,) = model.answered(model.task.examples(*one))
            size = len(wanted.rows[0])
            assert found["offsets"][row, :size].numpy().tolist() == [list(x) for x in wanted.rows[0].encoding.offsets]
            for side in ("start", "end"):
                logits, scores = (found[f"{side}_{what}"][row].numpy() for what in ("logits", "scores"))
                np.testing.assert_allclose(logits[:size], wanted.outputs[f"{side}_logits"][0], atol=1e-4)
                alone = tf.nn.softmax(wanted.outputs[f"{side}_logits"][0])
                np.testing.assert_allclose(scores[:size], alone, atol=1e-5)
                assert not scores[size:].any()


def test_questions_to_measure_on_are_as_long_as_asked(bundle):
    model, folder = bundle
    found = examples_of(Manifest.read(folder), folder, [16, 30, 48])
    assert len({each["question"] for each in found}) == 1
    rows = [model.task.rows(model.tokenizer, Example(each), model.settings) for each in found]
    assert [[len(row) for row in each] for each in rows] == [[16], [30], [48]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trainable_head": True}, "question-answering: has no head to learn on the device; leave trainable_head out"),
        ({"formats": "tflite-text"}, "question-answering: a tflite-text file returns no token ids"),
    ],
)
def test_a_form_that_cannot_be_is_refused_in_one_line(bundle, options, said):
    with pytest.raises(ExportError, match=f"^{said}"):
        check_model(bundle[0], ExportOptions(**options))
