"""The lowest runtimes of a file, which tests/bench/runtimes.py measured, are in its metadata and its bundle."""

import pytest
from ai_edge_litert import schema_py_generated as schema

from kerasbert import BertEncoder, TextClassifier
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.entries import entry, open_model, packed, unpacked
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.lowest import KERNELS, LITERT, Version, lowest, with_lowest

MEASURED = {
    "none": ("2.9", "1.0"),
    "float16": ("2.9", "1.0"),
    "int8": ("2.17", "1.0"),
    "int4": ("2.17", "1.0"),
    "int16x8": ("2.20", "1.3"),
    "full-int8": ("2.20", "1.4"),
}
"""How a classifier that takes the mean of its tokens stores its weights -> TFLite and LiteRT."""


@pytest.fixture(scope="module")
def files(tiny_bert, tmp_path_factory):
    """How weights are stored -> the bytes of a file. Smaller matrices than this model's would stay in float32."""
    folder = tmp_path_factory.mktemp("lowest")
    model = TextClassifier(
        BertEncoder.from_pretrained(tiny_bert), labels=["a", "b", "c"], pooling="mean", max_length=16
    )
    write_tflite(model, {folder / quantize: quantize for quantize in MEASURED}, Settings(lengths=[16]))
    return {quantize: (folder / quantize).read_bytes() for quantize in MEASURED}


@pytest.mark.parametrize("quantize", MEASURED)
def test_they_are_those_that_were_measured(files, quantize):
    tflite, litert = MEASURED[quantize]
    assert lowest(files[quantize]) == {"TFLite": tflite, "LiteRT": litert}
    assert entry(open_model(files[quantize]), "min_runtime_version") == f"{tflite}.0".encode().ljust(16, b"\0")


def test_the_mean_is_divided_in_integers_only_by_new_runtimes(smallest_encoder, tmp_path):
    """A classifier on the first token has no division."""
    model = TextClassifier(smallest_encoder, labels=["a", "b", "c"], pooling="cls", max_length=16)
    write_tflite(model, {tmp_path / "model.tflite": "full-int8"}, Settings(lengths=[16]))
    assert lowest((tmp_path / "model.tflite").read_bytes()) == {"TFLite": "2.12", "LiteRT": "1.0"}


def said_to_need(model: bytes, version: str) -> bytes:
    content = unpacked(model)
    (stated,) = [each for each in content.metadata if each.name == b"min_runtime_version"]
    content.buffers[stated.buffer].data = version.encode().ljust(16, b"\0")
    return packed(content)


@pytest.mark.parametrize(
    ("version", "litert"), [("2.9.0", "1.0"), ("2.18.0", "1.1"), ("2.20.0", "1.4"), ("2.30.0", "2.1")]
)
def test_the_converters_word_holds_for_other_operations(files, version, litert):
    changed = said_to_need(files["none"], version)
    assert lowest(changed) == {"TFLite": version[:-2], "LiteRT": litert}
    assert with_lowest(changed) == changed


def test_no_older_runtime_than_was_measured_is_claimed(files):
    """The converter says 2.3 for a model without GELU."""
    changed = said_to_need(files["none"], "2.3.0")
    assert lowest(changed) == {"TFLite": "2.9", "LiteRT": "1.0"}
    assert entry(open_model(with_lowest(changed)), "min_runtime_version") == b"2.9.0".ljust(16, b"\0")


def test_versions_are_ordered_as_numbers():
    assert Version.of("2.9.0") < Version.of("2.17.0") < Version.of("2.20.0") < Version.of("10.0")
    assert sorted(LITERT, key=lambda pair: Version.of(pair[0])) == LITERT
    for operation, kind in KERNELS:
        assert hasattr(schema.BuiltinOperator, operation)
        assert hasattr(schema.TensorType, kind)


def test_a_file_of_another_converter_may_say_nothing(files):
    content = unpacked(files["none"])
    content.metadata = None
    assert lowest(packed(content)) == {}
