"""Bundles of a sentence encoder with a prompt: every file, signature and program reads the prompt before the text."""

from pathlib import Path

import numpy as np
import pytest
from edits import rewrite

from kerasbert import SentenceEncoder
from kerasbert.errors import ExportError, TokenizerError
from kerasbert.export import export_bundle, verify
from kerasbert.export.exportable import check_model
from kerasbert.export.gate import golden
from kerasbert.export.gate.opening import open_any
from kerasbert.export.options import ExportOptions
from kerasbert.export.report.page import NAME
from kerasbert.export.report.snippets import snippets
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest

PROMPT = 'the "good": '
TEXTS = ["a lovely film", "", "the hotel was dark and the staff rude " * 3]
FORMATS = ("tflite", "onnx", "saved_model", "mediapipe", "tflite-text")


@pytest.fixture(scope="module")
def model(tiny_bert) -> SentenceEncoder:
    return SentenceEncoder.from_pretrained(tiny_bert, max_length=16, prompt=PROMPT)


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory) -> Path:
    """All formats. The gate runs each of them, and MediaPipe where it is installed."""
    folder = tmp_path_factory.mktemp("prompt") / "bundle"
    rows = export_bundle(model, folder, formats=FORMATS, quantize="none", sequence_lengths=[16])
    assert {row.format: row.failed for row in rows} == dict.fromkeys(FORMATS)
    assert all(row.agreement == 1.0 for row in rows)
    return folder


def test_a_prompt_makes_another_vector(model):
    apart = np.sum(model.encode(TEXTS) * model.encode(TEXTS, prompt=""), -1)
    assert apart.max() < 0.99


@pytest.mark.parametrize("name", FORMATS)
def test_every_file_reads_the_prompt(name, bundle, model):
    opened = open_any(bundle, name)
    np.testing.assert_allclose(opened.pipeline.encode(TEXTS), model.encode(TEXTS), atol=1e-5)
    for fields, pipeline in opened.from_text.items():
        columns = [TEXTS, TEXTS[::-1]][: len(fields)]
        np.testing.assert_allclose(pipeline.encode(*columns), model.encode(*columns), atol=1e-5)


def test_a_call_may_change_it_where_the_file_takes_ids(bundle, model):
    for name in ("tflite", "onnx"):
        found = load(bundle, file=name).encode(TEXTS, prompt="bad ")
        np.testing.assert_allclose(found, model.encode(TEXTS, prompt="bad "), atol=1e-5)
    with pytest.raises(TokenizerError, match="before every text itself, not 'bad '"):
        load(bundle, file="tflite-text").encode(TEXTS, prompt="bad ")


def test_the_golden_ids_have_the_prompt_and_the_gate_sees_another(bundle, model):
    begin = model.tokenizer.encode([PROMPT])[0].ids[:-1]
    recorded = golden.read(bundle, Manifest.read(bundle).graphs)
    assert all(each.rows[0].input_ids[: len(begin)] == begin for each in recorded)
    before = Manifest.read(bundle)
    try:
        rewrite(bundle, lambda values: values["settings"].update(prompt="the film: "))
        assert all("ids of" in row.failed for row in verify(bundle, files=["tflite", "onnx"]))
    finally:
        before.write(bundle)


def test_programs_print_the_vector_of_the_prompted_text(bundle, model, monkeypatch, capsys):
    monkeypatch.chdir(bundle)
    wanted = model.encode(["a lovely film"])[0]
    found = {each.title: each.code for each in snippets(bundle, Manifest.read(bundle)) if each.language == "python"}
    assert len(found) == 6
    vectors = {"LiteRT": "vector", "ONNX Runtime": "vector", "TensorFlow": "vector", "MediaPipe": "embedding"}
    for title, code in found.items():
        if title == "MediaPipe":
            pytest.importorskip("mediapipe", reason="needs pip install mediapipe")
        names: dict = {}
        exec(compile(code, "report.html", "exec"), names)
        said = capsys.readouterr().out
        if title in vectors:
            np.testing.assert_allclose(names[vectors[title]], wanted, atol=1e-4)
        elif title == "kerasbert.runtime":
            np.testing.assert_allclose(eval(said, {})["embedding"], wanted, atol=1e-5)
        else:
            assert said.split()[0].strip("[") == str(wanted[0])[: len(said.split()[0].strip("["))]


def test_programs_that_tokenise_themselves_put_the_prompt_there(bundle):
    text = '"the \\"good\\": " + "a lovely film"'
    for each in snippets(bundle, Manifest.read(bundle)):
        own = each.title in ("kerasbert.runtime", "TensorFlow", "LiteRT and tensorflow-text")
        assert (text in each.code) == (not own), (each.language, each.title)
    said = "The model was taught with “the &quot;good&quot;: ” before every text."
    assert said in (bundle / NAME).read_text(encoding="utf-8")


def test_a_tflite_text_file_needs_a_space_behind_the_prompt(tiny_bert):
    model = SentenceEncoder.from_pretrained(tiny_bert, max_length=16, prompt="query:")
    with pytest.raises(ExportError, match="takes a prompt that ends with a space, and this one is 'query:'; leave tfl"):
        check_model(model, ExportOptions(formats="tflite-text"))
    check_model(model, ExportOptions(formats="saved_model"))
