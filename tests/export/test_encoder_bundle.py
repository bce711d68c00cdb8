"""A feature extractor's bundle: two outputs, one of which has a vector per token, and padding that means nothing."""

import json
import shutil

import numpy as np
import pytest
from edits import change_golden, rewrite

from kerasbert import FeatureExtractor
from kerasbert.errors import BundleError, ExportError
from kerasbert.export import export_bundle, verify
from kerasbert.export.gate import golden
from kerasbert.export.gate.opening import open_any
from kerasbert.export.report.page import page
from kerasbert.export.report.snippets import snippets
from kerasbert.runtime import load
from kerasbert.runtime.manifest import NAME, Manifest, measure
from kerasbert.tasks.ask import joined

OUTPUTS = ["sequence_output", "pooled_output"]
TEXTS = ["a film", "the hotel was dark and the staff rude. " * 3, "", "a b c d e f g h i j k l m n o p q r"]


@pytest.fixture(scope="module")
def model(fixtures) -> FeatureExtractor:
    return FeatureExtractor.from_pretrained(fixtures / "bert")


@pytest.fixture(scope="module")
def exported_encoder(model, tmp_path_factory):
    """A bundle of it and what the gate said."""
    folder = tmp_path_factory.mktemp("encoder") / "bundle"
    return folder, export_bundle(model, folder, formats=("tflite", "onnx"), quantize="none", sequence_lengths=[32])


def same(found: dict, wanted: dict) -> None:
    assert list(found) == list(wanted)
    for name, texts in wanted.items():
        for a, b in zip(found[name], texts, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_every_file_passes_the_gate(exported_encoder):
    folder, rows = exported_encoder
    assert {row.format: row.failed for row in rows} == {"tflite": None, "onnx": None}
    assert all(row.max_difference < 1e-5 for row in rows)
    manifest = Manifest.read(folder)
    assert (manifest.task, manifest.settings) == ("feature-extraction", {"max_length": 64})
    (graph,) = manifest.graphs
    assert [(each.name, each.axis, each.bar) for each in graph.outputs] == [
        ("sequence_output", "token", "vector"),
        ("pooled_output", "row", "vector"),
    ]


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_the_runtime_gives_the_vectors_of_real_tokens(exported_encoder, model, format):
    """Texts that run in signatures of two lengths, in one call."""
    extract = load(exported_encoder[0], file=format)
    same(extract.predict_outputs(TEXTS), model.predict_outputs(TEXTS))
    by_two = extract.answered(extract.task.examples(TEXTS), batch_rows=2)
    same(joined(extract.task, extract.graphs(), by_two), model.predict_outputs(TEXTS))
    same(extract.predict_outputs(TEXTS[:2], TEXTS[2:]), model.predict_outputs(TEXTS[:2], TEXTS[2:]))
    same(extract("a film"), model.predict_text(["a film"])[0])
    assert extract([]) == []


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_ids_give_what_transformers_gave(exported_encoder, fixtures, format):
    """Short and longest, full and padded; recorded by tests/parity/record_transformers.py."""
    run = open_any(exported_encoder[0], format).pipeline.runs["model"]
    with np.load(fixtures / "bert.npz") as recorded:
        for case in sorted({key.split(".")[0] for key in recorded}):
            inputs = {name: recorded[f"{case}.{name}"] for name in ("input_ids", "attention_mask", "token_type_ids")}
            outputs, real = run(inputs), inputs["attention_mask"].sum(1)
            np.testing.assert_allclose(outputs["pooled_output"], recorded[f"{case}.pooled_output"], atol=2e-5)
            for found, wanted, count in zip(
                outputs["sequence_output"], recorded[f"{case}.sequence_output"], real, strict=True
            ):
                np.testing.assert_allclose(found[:count], wanted[:count], atol=2e-5)


def test_golden_examples_record_few_tokens_and_no_padding(exported_encoder, model, monkeypatch, tmp_path):
    graphs = Manifest.read(exported_encoder[0]).graphs
    for each in golden.read(exported_encoder[0], graphs):
        (row,) = each.rows
        assert row.places == list(range(len(row.input_ids)))  # 64 tokens of 32 numbers are few
    monkeypatch.setattr(golden, "MOST", 5 * 32)
    golden.write(model, tmp_path)
    recorded = golden.read(tmp_path, graphs)
    assert max(len(each.rows[0].places) for each in recorded) == 5
    for each in recorded:
        (row,) = each.rows
        assert (row.places[0], row.places[-1]) == (0, len(row.input_ids) - 1)
        whole = model.predict_outputs(*[[text] for text in each.example.values()])
        vectors = whole["sequence_output"][0][row.places]
        np.testing.assert_allclose(row.outputs["sequence_output"], vectors, atol=1e-6)
        # The answer has these tokens too, in more digits.
        np.testing.assert_allclose(each.answer["sequence_output"], row.outputs["sequence_output"], atol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_gate_sees_each_output(exported_encoder, output):
    """One recorded number is changed, of the last token or of the text."""
    folder, _ = exported_encoder
    manifest = Manifest.read(folder)
    before = {name: (folder / name).read_text(encoding="utf-8") for name in (golden.NAME, NAME)}
    rows = json.loads(before[golden.NAME])
    vectors = rows[-1]["rows"][0]["outputs"][output]
    (vectors[-1] if output == "sequence_output" else vectors)[-1] += 0.01
    try:
        (folder / golden.NAME).write_text(json.dumps(rows), encoding="utf-8")
        manifest.checksums[golden.NAME] = measure(folder / golden.NAME)[1]
        manifest.write(folder)
        (row,) = verify(folder, files=["onnx"])
        complaint = f"{output}: outputs differ by 0.01, 0.0001 allowed"
        assert row.failed == f"{complaint}; in a batch: {complaint}"
    finally:
        for name, text in before.items():
            (folder / name).write_text(text, encoding="utf-8")


def test_a_tokenizer_that_gives_other_tokens_is_found(exported_encoder, tmp_path):
    """Another number of tokens than was recorded: no number is compared, and the ids are named."""
    folder = shutil.copytree(exported_encoder[0], tmp_path / "copy")
    rewrite(folder, lambda values: values["tokenizer"].update(do_lower_case=False))
    for row in verify(folder):
        first, *others = row.failed.split("; ")
        assert first.startswith("ids of ")
        assert all(each.startswith(("ids of ", "and ")) for each in others)


@pytest.mark.parametrize("places", [[0, 99], [-1, 0], [0, 2.5], "all"])
def test_places_that_are_no_tokens_are_named(exported_encoder, tmp_path, places):
    folder = shutil.copytree(exported_encoder[0], tmp_path / "copy")
    change_golden(folder, lambda recorded: recorded[1]["rows"][0].update(places=places))
    rewrite(folder)
    with pytest.raises(BundleError, match=r"golden.json: the recorded answers cannot be read \(.*places"):
        verify(folder)


def test_an_answer_of_another_form_is_another_answer(exported_encoder, tmp_path):
    folder = shutil.copytree(exported_encoder[0], tmp_path / "copy")
    for answer in ([], {}, "a text", None, {"sequence_output": "a text"}):
        change_golden(folder, lambda recorded, answer=answer: recorded[1].update(answer=answer))
        rewrite(folder)
        (row,) = verify(folder, files=["onnx"])
        assert row.failed.startswith("95.24% of answers agree, 100% wanted; to {'text': '")
        assert "\n" not in row.failed  # though arrays have several lines


def test_labelled_data_is_refused(model, opinion_file, tmp_path):
    said = r"train.csv: feature-extraction has no figures to measure on labelled data; leave the data out$"
    with pytest.raises(ExportError, match=said):
        export_bundle(model, tmp_path / "out", data=opinion_file)


def test_the_report_shows_a_vector_in_short_and_its_programs_run(exported_encoder, capsys, monkeypatch):
    folder, rows = exported_encoder
    monkeypatch.chdir(folder)
    manifest = Manifest.read(folder)
    assert len(page(folder, manifest, rows)) < 40_000
    wanted = load(".").predict_outputs(["a lovely film"])["sequence_output"][0]
    programs = [s.code for s in snippets(folder, manifest) if s.language == "python"]
    assert len(programs) == 3
    for program in programs[1:]:
        found = {}
        exec(compile(program, "report.html", "exec"), found)
        assert found["vectors"].shape == wanted.shape
    assert str(found["vectors"][0, 0])[:4] in capsys.readouterr().out


def test_the_command_line_exports_a_bare_folder_as_what_it_is_told(run, fixtures):
    """A RoBERTa of masked words, which has no pooler: as what it holds, and as what it is told, in 8 bits."""
    folder = fixtures / "roberta_mlm"
    result = run("export", folder, "--format", "saved_model", "--out", "masks")
    assert result.exit_code == 0, result.output
    assert Manifest.read("masks").task == "fill-mask"
    options = ("--task", "feature-extraction", "--format", "onnx", "--quantize", "int8", "--max-length", 24)
    result = run("export", folder, *options, "--out", "out")
    assert result.exit_code == 0, result.output
    (graph,) = Manifest.read("out").graphs
    assert [each.name for each in graph.outputs] == ["sequence_output"]
    answer = json.loads(run("predict", "out", "a dog").stdout)
    wanted = FeatureExtractor.from_pretrained(folder).predict_outputs(["a dog"])["sequence_output"][0]
    assert list(answer) == ["text", "sequence_output"]
    np.testing.assert_allclose(answer["sequence_output"], wanted, atol=0.3)
