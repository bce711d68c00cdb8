"""Bundles of multiple choice and of the next sentence: rows that belong together, pairs, and what cannot be."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts
from edits import change_golden, rewrite

from kerasbert import MultipleChoice, NextSentenceScorer
from kerasbert.errors import BundleError, ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.benchmark.measure import benchmark, examples_of
from kerasbert.export.exportable import check_model
from kerasbert.export.formats.saved_model.file import open_saved_model, write_saved_model
from kerasbert.export.gate.opening import open_any
from kerasbert.export.gate.subject import Subject
from kerasbert.export.options import ExportOptions
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Example

PROMPTS, CHOICES = ["the film", "the room"], [["was good", "was bad", "a book"], ["is", "hotel"]]


@pytest.fixture(scope="module")
def chooser(smallest_encoder) -> MultipleChoice:
    return MultipleChoice(smallest_encoder, max_length=24)


@pytest.fixture(scope="module")
def scorer(smallest_encoder) -> NextSentenceScorer:
    return NextSentenceScorer(smallest_encoder, max_length=24)


@pytest.fixture(scope="module")
def bundle(chooser, tmp_path_factory):
    """Two kinds of files, in float32 and in 8 bits."""
    folder = tmp_path_factory.mktemp("choices") / "bundle"
    rows = export_bundle(chooser, folder, formats=("tflite", "onnx"), quantize=["none", "int8"], sequence_lengths=[24])
    assert [row.failed for row in rows] == [None] * 4
    return folder


def test_every_file_chooses_as_keras_does(chooser, bundle):
    wanted = chooser.predict_text(PROMPTS, CHOICES)
    for name, file in Manifest.read(bundle).files.items():
        found = load(bundle, file=name).predict_text(PROMPTS, CHOICES)
        if file.precision == "float32":
            assert found == [{**each, "score": pytest.approx(each["score"], abs=1e-5)} for each in wanted]
    answer = load(bundle)
    assert answer(PROMPTS[0], CHOICES[0])["text"] == CHOICES[0][wanted[0]["choice"]]
    assert [each["choice"] for each in answer(PROMPTS, CHOICES)] == [each["choice"] for each in wanted]


DIFFERS = "90.91% of answers agree, 100% wanted; to {'prompt': 'Is the shop open on Sunday?', 'choices': ["


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda recorded: recorded[0]["rows"].pop(), "ids of 'Is the shop open on Sunday?' differ"),
        (lambda recorded: recorded[0]["answer"].update(text="odd"), DIFFERS),
        (lambda recorded: recorded[0]["rows"][1]["outputs"].update(logits=[9.0]), "outputs differ by"),
    ],
)
def test_the_gate_sees_a_change(bundle, tmp_path, change, said):
    folder = shutil.copytree(bundle, tmp_path / "copy")
    change_golden(folder, change)
    rewrite(folder)
    for row in verify(folder, files=["tflite", "onnx"]):
        assert said in row.failed


def test_a_benchmark_measures_rows_of_the_lengths_it_says(chooser, bundle):
    examples = examples_of(Manifest.read(bundle), bundle, [16, 24])
    rows = [chooser.task.rows(chooser.tokenizer, Example(each), chooser.settings) for each in examples]
    assert [max(map(len, each)) for each in rows] == [16, 24]
    (measured,) = benchmark(bundle, files=["onnx"], sequence_lengths=[24], threads=[1], quick=True)
    assert 0 < measured.ms <= measured.text_ms


def test_recorded_choices_are_texts(bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "copy")
    change_golden(folder, lambda recorded: recorded[0]["example"].update(choices="a"))
    rewrite(folder)
    with pytest.raises(BundleError, match="an example has 'a' for choices, which takes texts"):
        verify(folder, files=["onnx"])


@pytest.mark.parametrize(
    ("theirs", "ours", "excused"),
    [
        ((4.0, 0.0), (0.0, 4.0), False),  # Keras is sure
        ((1.01, 1.0), (0.0, 4.0), False),  # the file is sure of something else
        ((1.01, 1.0), (1.0, 1.01), True),
        ((1.01, 1.0), (1.02, 1.0), False),  # the answers are equal, so there is nothing to excuse
    ],
)
def test_another_choice_of_8_bits_is_excused_if_both_hesitate(chooser, bundle, theirs, ours, excused):
    subject = Subject.of(open_any(bundle, "tflite-int8"), data=(), reference=None, max_drop=None)
    (found,) = chooser.answered(chooser.task.examples("a", ["b", "c", "d"]))

    def outputs(first: float, third: float) -> dict:
        return {"logits": [np.float32([each]) for each in (first, -9.0, third)]}

    assert subject.hesitates(replace(found, outputs=outputs(*ours)), outputs(*theirs)) == excused


def test_a_signature_takes_prompts_with_their_choices(chooser, tmp_path):
    """An empty string is no choice."""
    path = tmp_path / "saved_model"
    write_saved_model(chooser, {path: "none"})
    given = {"prompt": tf.constant(PROMPTS), "choices": tf.constant([CHOICES[0], [*CHOICES[1], ""]])}
    for name in ("choose", "serving_default"):
        found = keras.layers.TFSMLayer(str(path), call_endpoint=name)(given)
        assert set(found) == {"logits", "scores"}
        for row, (prompt, choices) in enumerate(zip(PROMPTS, CHOICES, strict=True)):
            logits = chooser.predict_outputs(prompt, choices)["logits"][:, 0]
            np.testing.assert_allclose(found["logits"][row, : len(choices)], logits, atol=1e-5)
            scores = found["scores"][row].numpy()
            np.testing.assert_allclose(scores[: len(choices)], tf.nn.softmax(logits), atol=1e-5)
            assert not scores[len(choices) :].any()
    runs, texts = open_saved_model(path, chooser.graphs(), task=chooser.task)
    assert list(texts) == [("prompt", "choices")]
    batch = chooser.tokenizer(PROMPTS, [each[0] for each in CHOICES])
    one = {"prompt": np.array(PROMPTS, object), "choices": np.array([each[:1] for each in CHOICES], object)}
    np.testing.assert_allclose(texts["prompt", "choices"](one)["logits"], runs["model"](batch)["logits"], atol=1e-5)


def test_a_pair_is_scored_by_every_file_and_its_head_can_learn(scorer, tmp_path):
    folder = tmp_path / "bundle"
    formats = {"formats": ("onnx", "tflite"), "quantize": "int8", "sequence_lengths": [24]}
    rows = export_bundle(scorer, folder, **formats, trainable_head=True)
    assert {row.format: row.failed for row in rows} == dict.fromkeys(
        ("tflite-int8", "onnx-int8", "tflite-trainable-int8")
    )
    assert load(folder)("the film", "was good")["label"] in ("is_next", "not_next")


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("chooser", {"trainable_head": True}, "multiple-choice: has no head to learn on the device"),
        (
            "chooser",
            {"formats": "tflite-text"},
            "multiple-choice: a tflite-text file takes a single text, not prompt and",
        ),
        ("scorer", {"formats": "tflite-text"}, "next-sentence: a tflite-text file takes a single text, not text and"),
        ("chooser", {"formats": "mediapipe"}, "MediaPipe has no task for the outputs of multiple-choice"),
        ("scorer", {"formats": "mediapipe"}, "MediaPipe has no task for the outputs of next-sentence"),
    ],
)
def test_a_form_that_cannot_be_is_refused_in_one_line(request, task, options, said):
    with pytest.raises(ExportError, match=f"^{said}"):
        check_model(request.getfixturevalue(task), ExportOptions(**options))
