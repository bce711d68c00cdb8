"""Bundles of extractive summaries: rows of sentences in every file, the signature for sentences, and the gate."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts
from conftest import small_vocabulary
from edits import change_golden, rewrite
from families import small_encoder

from kerasbert import ExtractiveSummarizer
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.exportable import check_model
from kerasbert.export.formats.saved_model.file import write_saved_model
from kerasbert.export.gate.opening import open_any
from kerasbert.export.gate.subject import Subject
from kerasbert.export.gate.told import misjudged
from kerasbert.export.options import ExportOptions
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.sources import SENTENCE_SCORES
from kerasbert.tokenizers import WordPieceTokenizer

TEXT = "😀 The film was good. " + " ".join(f"The room number {number} was bad." for number in range(12))
LISTS = [["the film was good.", "", "we left."], ["the staff"], [f"room {number}." for number in range(30)]]


@pytest.fixture(scope="module")
def summarizer() -> ExtractiveSummarizer:
    encoder = small_encoder("bert", WordPieceTokenizer(small_vocabulary()), seed=5, positions=40, pooler=False)
    return ExtractiveSummarizer(encoder, top_k=2)


@pytest.fixture(scope="module")
def bundle(summarizer, tmp_path_factory):
    """Two kinds of files, in float32 and in 8 bits."""
    folder = tmp_path_factory.mktemp("extracts") / "bundle"
    rows = export_bundle(
        summarizer, folder, formats=("tflite", "onnx"), quantize=["none", "int8"], sequence_lengths=[40]
    )
    assert [row.failed for row in rows] == [None] * 4
    return folder


def test_every_file_chooses_as_keras_does(summarizer, bundle):
    wanted = summarizer.predict_text([TEXT, *LISTS])
    for name, file in Manifest.read(bundle).files.items():
        if file.precision == "float32":
            for ours, theirs in zip(load(bundle, file=name).predict_text([TEXT, *LISTS]), wanted, strict=True):
                assert ours["summary_text"] == theirs["summary_text"]
                for one, other in zip(ours["sentences"], theirs["sentences"], strict=True):
                    assert one == {**other, "score": pytest.approx(other["score"], abs=1e-5)}
    answer = load(bundle)(TEXT, top_k=1)
    assert len(answer["sentences"]) == 1
    assert TEXT[answer["sentences"][0]["start"] : answer["sentences"][0]["end"]] == answer["summary_text"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda recorded: recorded[0]["rows"][0]["input_ids"].reverse(), "ids of '😀 The film was good"),
        (lambda recorded: recorded[0]["rows"][0]["kept"].reverse(), "places of the tokens of '😀 The film was good"),
        (lambda recorded: recorded[0]["answer"]["sentences"].pop(), "of answers agree, 100% wanted; to {'source': '😀"),
        (lambda recorded: recorded[0]["rows"][0]["outputs"]["logits"].__setitem__(0, 9.0), "outputs differ by"),
    ],
)
def test_the_gate_sees_a_change(bundle, tmp_path, change, said):
    folder = shutil.copytree(bundle, tmp_path / "copy")
    change_golden(folder, change)
    rewrite(folder)
    for row in verify(folder, files=["onnx"]):
        assert said in row.failed


@pytest.mark.parametrize(
    ("theirs", "ours", "excused"),
    [
        ((0.9, 0.1), (0.1, 0.9), False),  # Keras is sure
        ((0.51, 0.5), (0.1, 0.9), False),  # the file is sure of something else
        ((0.51, 0.5), (0.5, 0.51), True),
        ((0.51, 0.5), (0.52, 0.5), False),  # the answers are equal, so there is nothing to excuse
    ],
)
def test_another_sentence_of_8_bits_is_excused_if_both_hesitate(summarizer, bundle, theirs, ours, excused):
    subject = Subject.of(open_any(bundle, "tflite-int8"), data=(), reference=None, max_drop=None)
    (found,) = summarizer.answered(summarizer.task.examples([["we left.", "the film was good.", "the staff"]]))
    (row,) = found.rows

    def outputs(first: float, third: float) -> dict:
        logits = np.full(len(row), 9.0)
        for span, score in zip(row.spans, (first, 0.99, third), strict=True):
            logits[span] = np.log(score / (1 - score))
        return {"logits": [logits]}

    assert subject.hesitates(replace(found, outputs=outputs(*ours)), outputs(*theirs)) == excused


def test_a_signature_takes_sentences(summarizer, tmp_path):
    """An empty string is no sentence, and what does not fit into one row has no score."""
    path = tmp_path / "saved_model"
    write_saved_model(summarizer, {path: "none"})
    width = max(map(len, LISTS))
    given = tf.constant([[*each, *[""] * (width - len(each))] for each in LISTS])
    for name in ("extract", "serving_default"):
        found = keras.layers.TFSMLayer(str(path), call_endpoint=name)(given)
        assert set(found) == {"logits", "scores", SENTENCE_SCORES, "truncated"}
        assert found["truncated"].numpy().tolist() == [False, False, True]
        for number, sentences in enumerate(LISTS):
            row, *_ = summarizer.task.rows(
                summarizer.tokenizer, *summarizer.task.examples([sentences]), summarizer.settings
            )
            logits = summarizer.predict_outputs([sentences])["logits"][0]
            np.testing.assert_allclose(found["logits"][number, : len(row)], logits, atol=1e-5)
            wanted = np.zeros(width)
            wanted[list(row.numbers)] = [1 / (1 + np.exp(-logits[span].mean())) for span in row.spans]
            np.testing.assert_allclose(found[SENTENCE_SCORES][number], wanted, atol=1e-5)


def test_the_gate_sees_wrong_scores_of_sentences(summarizer):
    (found,) = summarizer.answered(summarizer.task.examples([LISTS[0]]))
    (row,), (logits,) = found.rows, found.outputs["logits"]
    scores = np.array([*(1 / (1 + np.exp(-logits[span].mean())) for span in row.spans), 0.0])
    for change, truncated, count in ((0.0, False, 0), (0.1, False, 1), (0.0, True, 1)):
        told = {SENTENCE_SCORES: [scores + change], "truncated": [truncated]}
        assert len(misjudged([replace(found, outputs={**found.outputs, **told})])) == count


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trainable_head": True}, "extractive-summarization: has no head to learn on the device"),
        ({"formats": "tflite-text"}, "extractive-summarization: "),
        ({"formats": "mediapipe"}, "MediaPipe has no task for the outputs of extractive-summarization"),
    ],
)
def test_a_form_that_cannot_be_is_refused_in_one_line(summarizer, options, said):
    with pytest.raises(ExportError, match=f"^{said}"):
        check_model(summarizer, ExportOptions(**options))
