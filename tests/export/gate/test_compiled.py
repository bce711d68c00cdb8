"""LiteRT's CompiledModel, which apps use, must answer as the interpreter does."""

import re
import shutil

import numpy as np
import pytest

from kerasbert.errors import BundleError
from kerasbert.export import verify
from kerasbert.export.gate import checks
from kerasbert.export.gate.compiled import compiled_outputs
from kerasbert.export.gate.golden import example_of, read
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest


@pytest.mark.parametrize("name", ["tflite", "tflite-int8"])
def test_it_gives_the_numbers_of_the_interpreter(tiny_bundle, name):
    recorded = read(tiny_bundle, Manifest.read(tiny_bundle).graphs)
    expected = load(tiny_bundle, file=name).answered(map(example_of, recorded))
    found = compiled_outputs(tiny_bundle, name)
    assert len({outputs["logits"][0].tobytes() for outputs in found}) > len(recorded) / 2  # not one and the same
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours["logits"], theirs.outputs["logits"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "moved", "reason"),
    [
        ("tflite", 0.001, "outputs differ by 0.001, 0.0001 allowed"),
        ("tflite-int8", 100, r"\d+\.\d+% of answers agree or are unclear, 99% wanted"),
        ("tflite-int8", np.nan, "its outputs are not all finite"),
    ],
)
def test_a_file_that_it_computes_otherwise_fails(tiny_bundle, monkeypatch, name, moved, reason):
    def moving(folder, name):
        moves = np.float32([moved, 0])
        return [{"logits": [row + moves for row in found["logits"]]} for found in compiled_outputs(folder, name)]

    monkeypatch.setattr(checks, "compiled_outputs", moving)
    (row,) = verify(tiny_bundle, files=[name])
    assert row.failed.startswith("in LiteRT's CompiledModel, beside the interpreter: ")
    assert re.search(reason, row.failed)


def test_a_file_that_it_cannot_run_fails_in_one_line(tiny_bundle, tmp_path, monkeypatch):
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    path = tmp_path / "bundle" / "model.tflite"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BundleError, match=r"ended with exit code 1: .*model.tflite: not a whole TFLite model .*again$"):
        compiled_outputs(tmp_path / "bundle", "tflite")

    def crashing(folder, name):
        raise BundleError("ended with exit code -11: it said nothing")

    monkeypatch.setattr(checks, "compiled_outputs", crashing)
    (row,) = verify(tiny_bundle, files=["tflite"])
    assert row.failed == "in LiteRT's CompiledModel: ended with exit code -11: it said nothing"
