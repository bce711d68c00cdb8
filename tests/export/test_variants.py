"""The table of files, the options and the functions for one format: their choices, and their help."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import kerasbert as kb
from kerasbert import export
from kerasbert.cli.export import export as command
from kerasbert.errors import ExportError
from kerasbert.export.bundle import writer
from kerasbert.export.options import ExportOptions
from kerasbert.export.variants import (
    CALIBRATED,
    FORMATS,
    QUANTIZE,
    USUAL,
    VARIANTS,
    WRITERS,
    chosen_variants,
    in_place_of,
)
from kerasbert.runtime.kinds import KINDS

GUIDE = Path(export.__file__).parent / "README.md"


def test_every_kind_has_a_writer_and_is_known_to_the_runtime():
    kinds = {variant.kind for variant in VARIANTS.values()}
    assert kinds == set(WRITERS) == set(KINDS)
    for kind in kinds:
        assert list(inspect.signature(writer(kind)).parameters)[:3] == ["model", "targets", "settings"]


def test_no_two_files_share_a_path_and_every_setting_is_used():
    assert len({variant.path for variant in VARIANTS.values()}) == len(VARIANTS)
    assert {variant.quantize for variant in VARIANTS.values()} == set(QUANTIZE)
    assert set(USUAL) <= set(FORMATS)


def test_the_table_costs_no_heavy_import():
    code = "import sys, kerasbert.export, kerasbert.export.variants, kerasbert.export.options\n"
    code += "print(sorted({'tensorflow', 'keras', 'numpy', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_formats_those_are_written_that_exist():
    assert list(chosen_variants(None, "none")) == ["tflite", "onnx", "saved_model"]
    assert list(chosen_variants(None, "int8")) == ["tflite-int8", "onnx-int8"]
    assert list(chosen_variants("onnx", ("none", "float16"))) == ["onnx", "onnx-float16"]
    assert list(chosen_variants("onnx", "int8", trainable_head=True)) == ["onnx-int8", "tflite-trainable-int8"]


def test_a_gentler_file_takes_the_place_of_one_that_loses_too_much():
    for name, variant in VARIANTS.items():
        if variant.quantize == "none":
            continue
        other = VARIANTS[in_place_of(name)]
        order = list(QUANTIZE)
        assert other.kind == variant.kind
        assert order.index(other.quantize) > order.index(variant.quantize)
        assert other.quantize not in CALIBRATED or variant.quantize in CALIBRATED
    assert in_place_of("onnx-int8") == "onnx-int8-mixed"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"formats": "trainable"}, "formats is 'trainable': use one or more of tflite, onnx, saved_model, mediapipe"),
        ({"formats": "saved_model", "quantize": "int8"}, "saved_model: has no int8; quantize can be none there"),
        ({"trainable_head": True, "quantize": "int4"}, "trainable: has no int4; quantize can be none, int8 there"),
        ({"quantize": "int4", "legacy_runtime": True}, "TFLite 2.9 cannot run it; leave legacy_runtime out"),
        ({"max_drop": 1}, "give labelled data to measure on"),
        ({"max_drop": 101, "data": "dev.csv"}, "max_drop is 101: use 0 to 100 points"),
        ({"sequence_lengths": [16, 2]}, "sequence_lengths: 2 is too short for any text; use 3 or more"),
    ],
)
def test_options_that_no_model_can_have_are_refused_at_once(options, complaint):
    with pytest.raises(ExportError, match=complaint):
        ExportOptions(**options)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "saved_model", "--quantize", "int8"),
        ("--quantize", "int4", "--legacy-runtime"),
        ("--max-drop", "1"),
    ],
)
def test_the_command_ends_with_2_before_it_opens_the_model(run, arguments):
    result = run("export", "none/", *arguments, "--out", "bundle")
    assert (result.exit_code, list(Path().iterdir())) == (2, [])


def test_the_command_and_the_options_have_the_same_choices():
    parameters = {parameter.name: parameter for parameter in command.params}
    assert set(parameters["formats"].type.choices) == set(FORMATS)
    assert set(parameters["quantize"].type.choices) == set(QUANTIZE)
    assert {"formats", "quantize", "data", "max_drop", "web"} <= set(parameters)


@pytest.mark.parametrize("name", ["tflite", "onnx", "saved_model", "export_bundle"])
def test_help_of_the_functions_says_what_they_write(name):
    function = getattr(kb.export, name)
    assert function.__name__ == name
    assert len(function.__doc__.splitlines()) > 10
    assert {"model", "folder", "progress"} <= set(inspect.signature(function).parameters)


def test_the_guide_lists_every_file_and_every_setting():
    guide = GUIDE.read_text(encoding="utf-8")
    for variant in VARIANTS.values():
        assert f"`{variant.path}" in guide
    for setting, meaning in QUANTIZE.items():
        assert f"| `{setting}` | {meaning} |" in guide
