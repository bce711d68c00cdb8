"""The same answer everywhere: each exported file, however it is asked, against the Keras model and transformers."""

import json

import numpy as np
import pytest

from kerasbert.export.gate.golden import shortened
from kerasbert.export.gate.opening import open_any
from kerasbert.runtime import load
from kerasbert.tasks.ask import joined
from kerasbert.tasks.golden import EXAMPLES

FORMATS = ("tflite", "onnx", "saved_model")
LIGHT = ("tflite", "onnx", "tflite-int8", "onnx-int8")
BERT = "bert"
# The slow ones are exported for these tests alone.
DISTILBERT, NUMBER = (pytest.param(name, marks=pytest.mark.slow) for name in ("distilbert", "a number"))
NAMES = (BERT, "roberta", "several labels", DISTILBERT, NUMBER)
LONG = "the film was good and the room was kind " * 30
TEXTS = [
    "",
    "good",
    "the film was awful, day",
    "Café Ünïted 这家电影",
    "a\tb\n c",
    LONG,
    "🎬 the story was fresh",
    LONG[7:90],
]
PAIRS = ["is it good?", "", LONG, "no", "the hotel", LONG, "a", "电影"]


def assert_same(found, wanted, tolerance=1e-4):
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance


@pytest.mark.parametrize("pairs", [None, PAIRS], ids=["texts", "pairs"])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_keras_s_alone_and_beside_others(exported, name, format, pairs):
    model, bundle = exported(name).model, exported(name).bundle
    wanted = model.predict_logits(TEXTS, pairs)
    assert np.ptp(wanted, axis=0).min() > 1e-2  # answers that do not depend on the text would prove nothing
    file = open_any(bundle, format).pipeline
    assert_same(file.predict_logits(TEXTS, pairs), wanted)
    by_three = file.answered(file.task.examples(TEXTS, pairs), batch_rows=3)
    assert_same(joined(file.task, file.graphs(), by_three)["logits"], wanted)
    alone = [file.predict_logits([text], pairs and [pairs[i]]) for i, text in enumerate(TEXTS)]
    assert_same(np.concatenate(alone), wanted)


def test_a_text_of_3000_words_has_one_answer(exported):
    """Alone and beside a short one, as text or as pair, from every file and from the graph that reads texts."""
    model, bundle = exported(BERT).model, exported(BERT).bundle
    novel = " ".join((LONG.split() * 12)[:3000])
    assert len(model.task.rows(model.tokenizer, *model.task.examples([novel]), model.settings)) > 60
    files = [open_any(bundle, format) for format in FORMATS]
    for columns in ([[novel]], [["good", novel]], [["good", novel], [novel, "a hotel"]]):
        wanted = model.predict_logits(*columns)
        np.testing.assert_allclose(
            model.predict(tuple(columns) if columns[1:] else columns[0], verbose=0), wanted, 1e-4
        )
        fields = ("text", "text_pair")[: len(columns)]
        pipelines = [file.pipeline for file in files] + [file.from_text[fields] for file in files if file.from_text]
        assert len(pipelines) == len(FORMATS) + 1
        for pipeline in pipelines:
            assert_same(pipeline.predict_logits(*columns), wanted)


@pytest.mark.parametrize("name", [BERT, DISTILBERT])
def test_raw_text_in_the_graph_gives_keras_s_logits(exported, name):
    model = exported(name).model
    by_fields = open_any(exported(name).bundle, "saved_model").from_text
    assert list(by_fields) == [("text",), ("text", "text_pair")]
    single, paired = by_fields.values()
    assert_same(single.predict_logits(TEXTS), model.predict_logits(TEXTS))
    assert_same(single.predict_logits(TEXTS[:1]), model.predict_logits(TEXTS[:1]))
    assert_same(paired.predict_logits(TEXTS, PAIRS), model.predict_logits(TEXTS, PAIRS))


def test_byte_pairs_have_no_text_signature(exported):
    assert open_any(exported("roberta").bundle, "saved_model").from_text == {}


@pytest.mark.parametrize("format", LIGHT)
@pytest.mark.parametrize("name", NAMES)
def test_the_runtime_answers_as_the_model_does(exported, name, format):
    model = exported(name).model
    classify = load(exported(name).bundle, file=format)
    for pairs in (None, PAIRS):
        for found, wanted in zip(classify(TEXTS, pairs), model.predict_text(TEXTS, pairs), strict=True):
            close = 0.05 if format.endswith("int8") else 1e-4
            if isinstance(wanted, list):
                ours, theirs = ({each["label"]: each["score"] for each in answer} for answer in (found, wanted))
                # A label that only one of the two names is undecided.
                for label in ours.keys() | theirs.keys():
                    assert ours.get(label, 0.5) == pytest.approx(theirs.get(label, 0.5), abs=close)
            else:
                assert list(found) == list(wanted) == ["label", "score"]
                assert found["label"] == wanted["label"]
                assert found["score"] == pytest.approx(wanted["score"], abs=close)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["roberta", DISTILBERT])
def test_ids_give_the_logits_that_transformers_gave(exported, fixtures, name, format):
    """Short and longest, full and padded; recorded by tests/parity/record_transformers.py."""
    run = open_any(exported(name).bundle, format).pipeline.runs["model"]
    with np.load(fixtures / f"{name}_classifier.npz") as recorded:
        cases = sorted({key.split(".")[0] for key in recorded})
        assert len(cases) == 4
        for case in cases:
            inputs = {key: recorded[f"{case}.{key}"] for key in ("input_ids", "attention_mask")}
            assert_same(run(inputs)["logits"], recorded[f"{case}.logits"], tolerance=1e-5)


@pytest.mark.parametrize("name", [BERT, "several labels", NUMBER])
def test_the_gate_measured_what_each_file_gives(exported, name):
    """The report's differences and shares, computed anew from the files' logits and answers, window by window."""
    model, bundle = exported(name).model, exported(name).bundle
    rows = {row["format"]: row for row in json.loads((bundle / "report.json").read_text())}
    assert list(rows) == ["tflite", "onnx", "saved_model", "tflite-int8", "onnx-int8"]
    examples = [shortened(each, model.max_length) for each in EXAMPLES]
    columns = [[[text] for text in example.fields.values()] for example in examples]

    def logits(answered):
        return [np.stack(each.outputs["logits"]) for each in answered]

    wanted = logits(model.answered(examples))
    for format, row in rows.items():
        file = open_any(bundle, format).pipeline
        found = logits(file.answered(examples))
        difference = max(np.abs(a - b).max() for a, b in zip(found, wanted, strict=True))
        assert row["max_difference"] == pytest.approx(difference, rel=0.01, abs=1e-6)
        assert (row["max_difference"] > 1e-4) == format.endswith("int8")
        answers = [(file.predict_text(*given)[0], model.predict_text(*given)[0]) for given in columns]
        same = [model.task.same(ours, theirs, model.settings) for ours, theirs in answers]
        assert row["agreement"] == pytest.approx(np.mean(same))


@pytest.mark.parametrize("paired", [False, True], ids=["texts", "pairs"])
def test_evaluate_and_predict_say_the_same_of_model_and_bundle(run, exported, tiny_classifier, tmp_path, paired):
    data = tmp_path / "data.jsonl"
    with open(data, "w", encoding="utf-8") as stream:
        for index, (text, pair) in enumerate(zip(TEXTS, PAIRS, strict=True)):
            row = {"text": text or "-", "label": ("negative", "positive")[index % 2]}  # no text of a file is empty
            print(json.dumps({**row, "sentence2": pair or "-"} if paired else row), file=stream)

    def figures(path):
        result = run("evaluate", path, "--data", data, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def answers(path):
        result = run("predict", path, "--input", data)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    bundle = exported(BERT).bundle
    assert figures(bundle) == figures(tiny_classifier)
    for found, wanted in zip(answers(bundle), answers(tiny_classifier), strict=True):
        assert found.pop("score") == pytest.approx(wanted.pop("score"), abs=1e-4)
        assert found == wanted
    assert len(answers(bundle)) == len(TEXTS)
