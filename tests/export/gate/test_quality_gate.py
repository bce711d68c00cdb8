"""`max_drop`: a quantised file that loses too much accuracy on the user's data is replaced by a gentler one."""

import json
from contextlib import contextmanager

import pytest

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export import bundle, export_bundle
from kerasbert.runtime.manifest import Manifest


@pytest.fixture
def model(tiny_classifier):
    return TextClassifier.from_pretrained(tiny_classifier)


@pytest.fixture
def spoil(monkeypatch):
    """`spoil("tflite", "int8")`: such files are those of a model that answers the other way round."""
    right = bundle.writer

    def spoil(spoiled: str, *quantize: str) -> None:
        def writer(kind):
            def write(model, targets, settings):
                right(kind)(model, {path: q for path, q in targets.items() if q not in quantize}, settings)
                with turned_round(model):
                    right(kind)(model, {path: q for path, q in targets.items() if q in quantize}, settings)

            return write if kind == spoiled else right(kind)

        monkeypatch.setattr(bundle, "writer", writer)

    return spoil


@contextmanager
def turned_round(model):
    weights = model.get_layer("classifier").dense.weights
    for variable in weights:
        variable.assign(-1 * variable)
    yield
    for variable in weights:
        variable.assign(-1 * variable)


def export(model, folder, data, **options):
    said = []
    rows = export_bundle(model, folder, data=data, progress=said.append, **{"formats": "tflite", **options})
    return {row.format: row for row in rows}, [line for line in said if "instead" in line]


def test_what_keeps_its_accuracy_is_kept(model, opinion_file, tmp_path):
    rows, said = export(model, tmp_path / "out", opinion_file, quantize="int8", max_drop=0.5)
    assert list(rows) == ["tflite-int8"]
    assert said == []


def test_float16_comes_in_the_place_of_an_int8_that_loses_too_much(model, spoil, opinion_file, tmp_path):
    spoil("tflite", "int8")
    rows, said = export(model, tmp_path / "out", opinion_file, quantize=("none", "int8"), max_drop=0.5)
    assert list(rows) == ["tflite", "tflite-float16"]
    (line,) = said
    assert line.startswith("tflite-int8: ")
    assert line.endswith("tflite-float16 instead")
    assert rows["tflite-float16"].figure == 1.0
    assert list(Manifest.read(tmp_path / "out").files) == ["tflite", "tflite-float16"]
    assert not (tmp_path / "out" / "model_int8.tflite").exists()
    assert {row["format"] for row in json.loads((tmp_path / "out" / "report.json").read_text())} == set(rows)


def test_and_float32_in_the_place_of_that(model, spoil, opinion_file, tmp_path):
    spoil("tflite", "int8", "float16")
    rows, said = export(model, tmp_path / "out", opinion_file, quantize="int8", max_drop=0.5)
    assert list(rows) == ["tflite"]
    assert [line.rpartition("; ")[2] for line in said] == ["tflite-float16 instead", "tflite instead"]


def test_onnx_has_a_gentler_int8_between(model, spoil, opinion_file, tmp_path):
    spoil("onnx", "int8")
    rows, said = export(model, tmp_path / "out", opinion_file, formats="onnx", quantize="int8", max_drop=0.5)
    assert list(rows) == ["onnx-int8-mixed"]
    assert [line.rpartition("; ")[2] for line in said] == ["onnx-int8-mixed instead"]
    int8 = Manifest.read(tmp_path / "out").files["onnx-int8-mixed"]
    assert (int8.path, int8.precision) == ("onnx/model_quantized_mixed.onnx", "int8-mixed")


def test_when_nothing_helps_nothing_is_left(model, spoil, opinion_file, tmp_path):
    spoil("tflite", "int8", "float16", "none")
    with pytest.raises(ExportError, match=r"^the parity gate failed: tflite: "):
        export(model, tmp_path / "out", opinion_file, quantize="int8", max_drop=0.5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"max_drop": 0.5, "data": None}, {"max_drop": -1.0}, {"max_drop": 101.0}])
def test_a_drop_that_means_nothing_is_refused(model, opinion_file, tmp_path, options):
    with pytest.raises(ExportError, match=r"max_drop is .*: use 0 to 100 points of accuracy, and give labelled data"):
        export_bundle(model, tmp_path / "out", **{"data": opinion_file, **options})
    assert list(tmp_path.iterdir()) == []


def test_on_the_command_line_it_needs_data(run, tiny_classifier, tmp_path):
    result = run("export", tiny_classifier, "--max-drop", 1, "--out", tmp_path / "out")
    assert result.exit_code == 2
    said = "--max-drop is 1.0: use 0 to 100 points of accuracy, and give labelled data to measure on"
    assert said in result.stderr
