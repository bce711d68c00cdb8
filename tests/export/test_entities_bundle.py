"""A token classifier's bundle: windows, places, five strategies, and the programs that find entities in a text."""

import json
import shutil

import numpy as np
import pytest
from edits import change_golden, rewrite

from kerasbert.decoding.tags import STRATEGIES
from kerasbert.errors import ExportError
from kerasbert.export import bundle, export_bundle, verify
from kerasbert.export.gate import golden
from kerasbert.export.report.page import page
from kerasbert.export.report.snippets import snippets
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Example
from kerasbert.tasks.token_classification import GOLDEN

TEXT = GOLDEN[0]  # with an emoji before its entities


@pytest.fixture(scope="module")
def bundles(tagger, tmp_path_factory):
    """`bundles("first")` -> the model and a bundle with float32 files. The files are the same for all strategies, so
    only the first bundle is exported."""
    folder = tmp_path_factory.mktemp("entities")
    export_bundle(tagger("first"), folder / "first", formats=("tflite", "onnx"), quantize="none", sequence_lengths=[48])

    def bundle(strategy: str):
        if not (folder / strategy).exists():
            shutil.copytree(folder / "first", folder / strategy)
            rewrite(folder / strategy, lambda values: values["settings"].update(aggregation=strategy))
        return tagger(strategy), folder / strategy

    return bundle


def test_golden_json_has_what_a_port_needs(bundles):
    model, folder = bundles("first")
    recorded = {each.example["text"]: each for each in golden.read(folder, Manifest.read(folder).graphs)}
    asked = [golden.shortened(Example({"text": text}), 48).fields["text"] for text in GOLDEN]
    assert set(asked) == set(recorded)
    for text in (*asked[:3], "", max(asked, key=len)):
        rows = recorded[text].rows
        assert [row.input_ids for row in rows] == [
            each.ids for each in model.tokenizer.windows(text, max_length=48, stride=12)
        ]
        kept = [place for row in rows for place in row.offsets[slice(*row.kept)]]
        whole = model.tokenizer.encode([text])[0]
        assert kept == [list(place) for place in whole.offsets[1:-1]]
        words = [word for row in rows for word in row.words[slice(*row.kept)]]
        assert words == whole.word_ids[1:-1]
        for row in rows:
            assert np.shape(row.outputs["logits"]) == (len(row.input_ids), len(model.labels))
    answer = recorded[TEXT].answer
    assert [each["word"] for each in answer] == [TEXT[each["start"] : each["end"]] for each in answer]
    assert answer[-1]["start"] > 1  # behind the emoji, which is one code point


def test_the_gate_sees_a_place_that_changed(bundles, tmp_path):
    folder = shutil.copytree(bundles("first")[1], tmp_path / "copy")
    for change, said in (
        (lambda recorded: recorded[0]["rows"][0]["offsets"][1].reverse(), "places of the tokens of '😀 Ann Lee"),
        (lambda recorded: recorded[0]["answer"][0].update(start=1), "95.24% of answers agree, 100% wanted"),
        (lambda recorded: recorded[0]["rows"][0]["outputs"]["logits"][2].reverse(), "outputs differ by"),
    ):
        copied = shutil.copytree(folder, tmp_path / "changed", dirs_exist_ok=True)
        change_golden(copied, change)
        rewrite(copied)
        for row in verify(copied):
            assert said in row.failed


def test_a_long_text_is_answered_in_windows_as_keras_does(bundles):
    model, folder = bundles("first")
    text = " ".join(GOLDEN)
    wanted = model.predict_text([text])[0]
    assert wanted[-1]["end"] > 1000
    for file in ("tflite", "onnx"):
        found = load(folder, file=file)(text)
        assert model.task.same(found, wanted, model.settings)
        np.testing.assert_allclose([x["score"] for x in found], [x["score"] for x in wanted], atol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("labels", [None, ("O", "T-CELL", "X-RAY", "N-LOC", "M-LOC")], ids=["BIO", "no scheme"])
def test_programs_find_the_entities_of_the_runtime(bundles, strategy, labels, tmp_path, capsys, monkeypatch):
    _, folder = bundles(strategy)
    if labels is not None:
        folder = shutil.copytree(folder, tmp_path / "copy")
        rewrite(folder, lambda values: values["settings"].update(labels=list(labels)))
    monkeypatch.chdir(folder)
    wanted = load(folder)(TEXT)
    assert wanted
    programs = [each for each in snippets(folder, Manifest.read(folder)) if each.language == "python"]
    assert [each.title for each in programs] == ["kerasbert.runtime", "LiteRT", "ONNX Runtime"]
    for each in programs[1:]:
        exec(compile(each.code, "report.html", "exec"), {})
        assert_found(capsys.readouterr().out, wanted)


def assert_found(said: str, wanted: list, unit=lambda offset: offset) -> None:
    """Lines of label, score, start, end and the part of the text, as the programs print them."""
    lines = [line.split(" ", 4) for line in said.splitlines()]
    places = [[x.get("entity_group", x.get("entity")), unit(x["start"]), unit(x["end"]), x["word"]] for x in wanted]
    assert [[label, int(start), int(end), word] for label, _, start, end, word in lines] == places
    scores = [float(score) for _, score, *_ in lines]
    assert scores == pytest.approx([x["score"] for x in wanted], abs=1e-3)


@pytest.mark.slow
def test_tensorflows_program_finds_them_too_and_every_kind_of_file_passes(tagger, tmp_path, capsys, monkeypatch):
    model, folder = tagger("average"), tmp_path / "bundle"
    rows = export_bundle(model, folder, sequence_lengths=[48])
    assert {row.format: row.failed for row in rows} == dict.fromkeys(
        ("tflite", "onnx", "saved_model", "tflite-int8", "onnx-int8")
    )
    monkeypatch.chdir(folder)
    manifest = Manifest.read(folder)
    (code,) = [each.code for each in snippets(folder, manifest) if each.title == "TensorFlow"]
    exec(compile(code, "report.html", "exec"), {})
    assert_found(capsys.readouterr().out, model.predict_text([TEXT])[0])
    text = page(folder, manifest, rows)
    assert "<h1>Named entities</h1>" in text
    assert text.count(f"Each program answers “<bdi>{TEXT}</bdi>”") == 1
    assert text.count("<pre ") == 7  # four in Python, and one in each other language


@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_programs_on_phones_hold_the_places_in_code_points(bundles, language):
    model, folder = bundles("max")
    (row,) = model.tokenizer.encode([TEXT])
    (code,) = [each.code for each in snippets(folder, Manifest.read(folder)) if each.language == language]
    for values in (
        [start for start, _ in row.offsets],
        [end for _, end in row.offsets],
        [-1 if word is None else word for word in row.word_ids],
    ):
        assert ", ".join(map(str, values)) in code
    assert f'text = "{TEXT}"' in code
    assert {"kotlin": "offsetByCodePoints", "swift": "unicodeScalars"}[language] in code
    assert 'strategy = "max"' in code


def test_files_that_cannot_hold_it_are_refused_in_one_line(tagger, tmp_path):
    model = tagger("first")
    for options, said in (
        ({"formats": "mediapipe"}, "MediaPipe has no task for the outputs of token-classification"),
        ({"formats": "tflite-text"}, "a tflite-text file returns no token ids"),
        ({"trainable_head": True}, "token-classification: has no head to learn on the device"),
    ):
        steps = []
        with pytest.raises(ExportError, match=said) as refused:
            export_bundle(model, tmp_path / "bundle", quantize="none", **options, progress=steps.append)
        assert "\n" not in str(refused.value)
        assert steps == []  # before anything is computed


@pytest.mark.parametrize("format", ["mediapipe", "tflite-text"])
def test_for_the_command_that_is_a_wrong_call(run, tiny_tagger, tmp_path, format):
    result = run("export", tiny_tagger / "tagger", "--format", format, "--out", tmp_path / "out")
    assert result.exit_code == 2
    *_, error = result.stderr.splitlines()
    assert error.startswith("Error: ")
    assert "token-classification" in error
    assert "recording" not in result.stderr


def test_a_file_that_loses_entities_is_replaced(tagger, tmp_path, monkeypatch):
    """The data's entities are Keras's own, and the int8 file is one of a model with other labels."""
    model, data, right = tagger("first"), tmp_path / "data.jsonl", bundle.writer
    with open(data, "w", encoding="utf-8") as stream:
        for text, found in zip(GOLDEN[:6], model.predict_text(list(GOLDEN[:6])), strict=True):
            spans = [{"start": x["start"], "end": x["end"], "label": x["entity_group"]} for x in found]
            if text:
                print(json.dumps({"text": text, "spans": spans}), file=stream)

    def write(model, targets, settings):
        kernel = model.get_layer("classifier").kernel
        for path, quantize in targets.items():
            sign = -1 if quantize == "int8" else 1
            kernel.assign(sign * kernel)
            right("onnx")(model, {path: quantize}, settings)
            kernel.assign(sign * kernel)

    monkeypatch.setattr(bundle, "writer", lambda kind: write)
    options, steps = {"formats": "onnx", "quantize": ("none", "int8"), "data": data, "max_drop": 0.5}, []
    rows = export_bundle(model, tmp_path / "bundle", **options, progress=steps.append)
    assert [(row.format, row.figure) for row in rows] == [("onnx", 1), ("onnx-int8-mixed", pytest.approx(1, abs=0.005))]
    (step,) = [step for step in steps if "instead" in step]
    assert "f1 on the data falls by " in step
