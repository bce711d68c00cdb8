"""Files that take a text: Keras's answers, from a string, through LiteRT with tensorflow-text's operations."""

import builtins
import json
import shutil

import numpy as np
import pytest

from kerasbert import TextClassifier
from kerasbert.errors import BundleError, ExportError, MissingDependency, TokenizerError
from kerasbert.export import export_bundle, verify
from kerasbert.export.report.snippets import snippets
from kerasbert.export.web import runtimes
from kerasbert.runs.describe import describe
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest, measure
from kerasbert.tasks.golden import TEXTS
from kerasbert.tf.text_file import OPERATIONS


@pytest.fixture(scope="module")
def model(smallest_encoder) -> TextClassifier:
    return TextClassifier(smallest_encoder, labels=["no", "yes", "perhaps"], max_length=32)


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text") / "bundle"
    rows = export_bundle(model, folder, formats="tflite-text")
    assert {row.format: row.failed for row in rows} == {"tflite-text": None, "tflite-text-int8": None}
    return folder


def test_a_string_gets_keras_answer(bundle, model):
    texts = [*TEXTS, "½ ™ … ① ﬁ ς", "[CLS] a [MASK]", "a\0b", ""]
    answers = load(bundle, file="tflite-text").predict_logits(texts)
    np.testing.assert_allclose(answers, model.predict_logits(texts), atol=1e-4)


def test_int8_is_smaller_and_answers(bundle):
    files = Manifest.read(bundle).files
    assert files["tflite-text-int8"].bytes < files["tflite-text"].bytes
    assert load(bundle, file="tflite-text-int8")("a good film")["label"] in ("no", "yes", "perhaps")


def test_the_runtime_takes_it_only_by_name(bundle):
    with pytest.raises(BundleError, match=r"holds no \.tflite or \.onnx file"):
        load(bundle)


def test_pairs_are_refused(bundle):
    with pytest.raises(TokenizerError, match="takes text alone, not text and text_pair"):
        load(bundle, file="tflite-text")("Is it open?", "It is.")


def test_without_tensorflow_text_one_line_says_what_to_install(bundle, monkeypatch):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tensorflow_text"):
            raise ModuleNotFoundError("No module named 'tensorflow_text'")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match="pip install ai-edge-litert tensorflow-text"):
        load(bundle, file="tflite-text")


def test_verify_finds_answers_that_are_not_keras(bundle, tmp_path):
    """Recorded ones are changed here, which is as good as other weights."""
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    rows = json.loads((copy / "golden.json").read_text(encoding="utf-8"))
    for each in rows:
        each["rows"][0]["outputs"]["logits"][0] += 0.01
    (copy / "golden.json").write_text(json.dumps(rows), encoding="utf-8")
    manifest = Manifest.read(copy)
    manifest.checksums["golden.json"] = measure(copy / "golden.json")[1]
    manifest.write(copy)
    (row,) = verify(copy, files=["tflite-text"])
    assert row.failed == "outputs differ by 0.01, 0.0001 allowed"


def test_inspect_shows_its_operations(bundle):
    facts = describe(bundle / "model_text.tflite")
    assert {*facts["operations"]} >= OPERATIONS
    assert list(facts["outputs"].values()) == [[1, 3]]
    assert len(facts["inputs"]) == 1


def test_its_program_answers_and_there_is_no_other(bundle, model, monkeypatch, capsys):
    (program,) = snippets(bundle, Manifest.read(bundle))
    monkeypatch.chdir(bundle)
    exec(program.code, {})
    shown = np.array(capsys.readouterr().out.strip().strip("[]").split(), "float32")
    np.testing.assert_allclose(shown, model.predict_logits(["a lovely film"])[0], atol=0.05)  # of int8


def test_no_browser_runs_it():
    with pytest.raises(ExportError, match="no browser runs tflite-text files"):
        runtimes(["tflite-text", "tflite-text"], [])
