"""`benchmark`: each file alone in its process, one thread that is one, and nothing run that was changed."""

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from kerasbert import tokenizers
from kerasbert.errors import BundleError, ExportError
from kerasbert.export.benchmark.chart import draw
from kerasbert.export.benchmark.measure import as_data, benchmark, examples_of, in_a_process
from kerasbert.runtime.manifest import Manifest, Part, measure


@pytest.fixture(scope="module")
def light(tiny_bundle, tmp_path_factory):
    """A bundle without the SavedModel, whose processes take seconds to load TensorFlow."""
    bundle = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("light") / "bundle")
    manifest = Manifest.read(bundle)
    files = {name: manifest.files[name] for name in ("tflite", "onnx", "tflite-int8")}
    dataclasses.replace(manifest, files=files).write(bundle)
    return bundle


@pytest.fixture(scope="module")
def rows(light):
    return benchmark(light, threads=[1], runs=4)


def test_there_is_a_row_for_every_file_and_length(rows, light):
    files = Manifest.read(light).files
    assert [(row.name, row.sequence_length) for row in rows] == [
        (name, length) for name in files for length in (16, 32)
    ]
    for row in rows:
        assert (row.path, row.precision) == (files[row.name].path, files[row.name].precision)
        assert row.megabytes == measure(light / row.path)[0] / 1e6
        assert 0 < row.ms <= row.ms_p95
        assert row.ms < row.text_ms <= row.text_ms_p95  # the string is tokenised, and the answer decoded, besides
        assert 1e-3 * row.text_ms < row.load_s  # opening a file ends with its first answer


def test_one_thread_keeps_at_most_one_core_busy(rows):
    """A share of the processor and no time: 2.0 where a second thread works or waits busily."""
    assert all(0 < row.cores < 1.5 for row in rows)


def test_memory_is_of_the_file_and_not_of_who_measures_it(light):
    ballast = np.ones(40_000_000)  # 320 MB, which a forked process would begin with
    (row,) = benchmark(light, files=["tflite"], threads=[1], sequence_lengths=[16], runs=1)
    assert 5 < row.memory_mb < ballast.nbytes / 1e6 / 2


def test_memory_counts_what_was_given_back():
    code = """
from kerasbert.export.benchmark.process import peak_memory
before = peak_memory()
len(bytearray(100_000_000))
print(before, peak_memory())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert 99 < after - before < 110


def test_files_take_turns_and_progress_is_told(light):
    told = []
    benchmark(
        light,
        files=["onnx", "tflite"],
        threads=[1],
        sequence_lengths=[16],
        runs=2,
        progress=lambda done, total, row, left: told.append((done, total, row.name)),
    )
    assert told == [(1, 4, "onnx"), (2, 4, "tflite"), (3, 4, "onnx"), (4, 4, "tflite")]


def test_texts_are_as_long_as_asked(light):
    manifest = Manifest.read(light)
    tokenizer = tokenizers.from_options(manifest.tokenizer, light)
    examples = examples_of(manifest, light, [3, 7, 16, 32])
    assert [len(tokenizer([each["text"]])["input_ids"][0]) for each in examples] == [3, 7, 16, 32]
    assert all(each.keys() == {"text"} for each in examples)


@pytest.mark.parametrize("length", [2, 33])
def test_a_length_that_the_files_do_not_take_is_refused(light, length):
    with pytest.raises(BundleError, match=rf"takes texts of 3 to 32 tokens, not of {length}$"):
        benchmark(light, sequence_lengths=[16, length])


def test_a_file_that_is_not_there_is_named(light):
    with pytest.raises(BundleError, match=r"holds no 'coreml'; it has tflite, onnx, tflite-int8$"):
        benchmark(light, files=["coreml"])


@pytest.fixture
def copy(light, tmp_path):
    return shutil.copytree(light, tmp_path / "copy")


@pytest.mark.parametrize("file", ["onnx/model.onnx", "vocab.txt"])
def test_a_changed_byte_is_found_before_anything_runs(copy, file):
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(BundleError, match=rf"copy/{file}: its bytes are not the ones that were written"):
        benchmark(copy, progress=lambda *told: pytest.fail("something ran"))


def test_a_file_that_does_not_open_is_named_with_its_reason(copy):
    (copy / "model.tflite").write_bytes(b"no model")
    manifest = Manifest.read(copy)
    part = Part.describe(copy, "model.tflite", ["model"])
    manifest.files["tflite"] = dataclasses.replace(manifest.files["tflite"], parts=(part,))
    manifest.write(copy)
    with pytest.raises(ExportError, match=r"^tflite, threads 1: .*model.tflite: not a whole TFLite model"):
        benchmark(copy, files=["tflite"], threads=[1], runs=1)


def test_a_process_that_dies_is_told_of_with_its_last_words():
    with pytest.raises(ExportError, match=r"^tflite, threads 1: its process failed \(TypeError: .*'examples'"):
        in_a_process({"bundle": "none", "name": "tflite", "model": None, "threads": 1, "runs": 1})


def test_the_data_say_on_what_machine(rows):
    data = json.loads(json.dumps(as_data(rows)))
    assert data["machine"]["cores"] >= 1
    assert {"ai-edge-litert", "onnxruntime"} <= set(data["machine"]["versions"])
    assert [row["ms"] for row in data["rows"]] == [row.ms for row in rows]


@pytest.mark.parametrize("accuracy", [{}, {"tflite": 0.9, "onnx": 0.9, "tflite-int8": 0.88}, {"onnx": 0.9}])
def test_the_chart_has_a_dot_for_each_file_at_its_figures(rows, tmp_path, monkeypatch, accuracy):
    """Those of the longest texts; against accuracy where it is known, and else against megabytes."""
    drawn, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *to, **how: (drawn.append(figure), save(figure, *to, **how)))
    draw(rows, accuracy, tmp_path / "chart.png", headline="accuracy")
    (axes,) = drawn[0].axes
    dots = {dot.get_label(): dot.get_offsets()[0].tolist() for dot in axes.collections}
    shown = [row for row in rows if row.sequence_length == 32 and (row.name in accuracy or not accuracy)]
    assert dots == {
        f"{row.name}, {row.megabytes:.1f} MB": [row.ms, accuracy.get(row.name, row.megabytes)] for row in shown
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "milliseconds for 32 tokens, threads: 1",
        "accuracy" if accuracy else "MB",
    )
    assert (tmp_path / "chart.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82")  # a whole PNG ends so
    assert [path.name for path in tmp_path.iterdir()] == ["chart.png"]


@pytest.mark.slow
def test_keras_and_the_saved_model_are_measured_as_the_others(tiny_bundle, tiny_classifier):
    rows = benchmark(
        tiny_bundle,
        files=["saved_model"],
        model=tiny_classifier,
        threads=[1],
        sequence_lengths=[16],
        runs=3,
        quick=True,
    )
    assert [(row.name, row.path) for row in rows] == [("keras", str(tiny_classifier)), ("saved_model", "saved_model")]
    for row in rows:
        assert 0 < row.ms < row.text_ms
        assert 0 < row.cores < 1.5
        assert row.memory_mb > 100  # TensorFlow's own is part of it


@pytest.mark.slow
def test_a_model_that_is_not_there_is_named(light):
    with pytest.raises(ExportError, match=r"^keras, threads 1: none/: no such folder"):
        benchmark(light, model="none/", threads=[1], runs=1)
