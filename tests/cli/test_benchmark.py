"""kerasbert benchmark: what it prints and writes, and which calls are wrong."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest

from kerasbert.cli.benchmark import _advice
from kerasbert.export.report.page import NAME as REPORT
from kerasbert.runtime.manifest import NAME, Manifest, rehash

ONCE = ("--threads", 1, "--sequence-length", 16, "--runs", 1)


@pytest.fixture
def bundle(tiny_bundle, tmp_path):
    """One of one's own with three files, none of which takes seconds to load TensorFlow."""
    copy = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    values = json.loads((copy / NAME).read_text(encoding="utf-8"))
    values["files"] = {name: values["files"][name] for name in ("tflite", "onnx", "tflite-int8")}
    (copy / NAME).write_text(json.dumps(values), encoding="utf-8")
    rehash(copy)
    return copy


def test_it_prints_a_line_a_file_and_says_how_far_it_is(run, bundle):
    result = run("benchmark", bundle, *ONCE)
    assert result.exit_code == 0, result.output
    head, *lines, legend, advice = result.stdout.splitlines()
    assert head.split()[:3] == ["format", "threads", "MB"]
    assert [line.split()[:2] for line in lines] == [["tflite", "1"], ["onnx", "1"], ["tflite-int8", "1"]]
    assert legend.startswith("ms: ")
    told = result.stderr.splitlines()
    assert [line.split()[0] for line in told] == ["1/3", "2/3", "3/3"]
    assert told[-1].endswith("  0:00 left")
    named = re.fullmatch(
        r'fastest here: (\S+), [\d.]+ ms from text with threads 1; load\("(.+)", file="(\S+)", .*', advice
    )
    assert named[1] == named[3] in ("tflite", "onnx", "tflite-int8")
    assert named[2] == str(bundle)


def test_no_call_is_advised_for_a_file_that_the_runtime_does_not_open(tiny_bundle):
    best = SimpleNamespace(name="saved_model", text_ms=1.5, threads=2)
    said = _advice("bundle", Manifest.read(tiny_bundle), best)
    assert said == "fastest here: saved_model, 1.50 ms from text with threads 2"


def test_it_prints_json_and_nothing_else(run, bundle):
    result = run("benchmark", bundle, "--file", "onnx", *ONCE, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["fastest"] == data["rows"][0]
    assert [(row["name"], row["threads"], row["sequence_length"]) for row in data["rows"]] == [("onnx", 1, 16)]


def test_it_draws_and_writes_the_page_again(run, bundle):
    result = run("benchmark", bundle, "--file", "tflite", *ONCE, "--plot", "chart.png", "--report")
    assert result.exit_code == 0, result.output
    assert (bundle.parent / "chart.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82")  # whole
    assert "16 tokens" in (bundle / REPORT).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--file", "coreml"), "coreml: the bundle has tflite, onnx, tflite-int8"),
        (("--threads", 0), "0 is not in the range x>=1"),
        (("--sequence-length", 2), "2 is not in the range x>=3"),
        (("--sequence-length", 33), "33: its files take 32 tokens"),
        (("--runs", 0), "0 is not in the range x>=1"),
        (("--plot", "none/chart.png"), "none: no such folder"),
    ],
)
def test_a_wrong_call_ends_with_2(run, bundle, words, message):
    result = run("benchmark", bundle, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].endswith(message) or message in result.stderr


def test_a_changed_byte_is_one_line(fails, bundle):
    content = bytearray((bundle / "onnx/model.onnx").read_bytes())
    content[100] ^= 1
    (bundle / "onnx/model.onnx").write_bytes(content)
    line = fails("benchmark", bundle, *ONCE)
    assert line.startswith(f"{bundle}/onnx/model.onnx: its bytes are not the ones that were written")


def test_no_bundle_is_one_line(fails):
    assert fails("benchmark", "none") == "none: no such folder; name one that `kerasbert export` made"


def test_a_report_to_refresh_must_be_there_before_anything_runs(fails, bundle):
    (bundle / "report.json").unlink()
    line = fails("benchmark", bundle, *ONCE, "--report")
    assert line.startswith(f"{bundle}/report.json: not readable as the gate's report")
