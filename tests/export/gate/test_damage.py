"""Damage to a bundle: `predict` and `verify` say in one line which file is damaged, and what to do about it."""

import json
import shutil

import pytest
from edits import change_golden, edit, flip, rewrite

from kerasbert.runtime.manifest import NAME

FILES = {"tflite": "model.tflite", "onnx": "onnx/model.onnx", "saved_model": "saved_model"}
"""One file of each kind in `tiny_bundle`."""
PB = "saved_model/saved_model.pb"
AGAIN = "export or copy it again"
CHANGED = f"its bytes are not the ones that were written; {AGAIN}"


@pytest.fixture
def only(copy):
    """`only("onnx")` -> a bundle that holds this file alone, so that `predict` reads it."""

    def bundle(name: str):
        rewrite(copy, lambda values: values.update(files={name: values["files"][name]}))
        return copy

    return bundle


@pytest.fixture
def refused(run):
    """`refused(bundle, "onnx/model.onnx", "missing")`: both commands end with this one line and exit code 1."""

    def check(bundle, place: str, said: str, commands=("predict", "verify")) -> None:
        for command in commands:
            result = run(command, bundle, *["a lovely film"] * (command == "predict"))
            assert isinstance(result.exception, SystemExit), (command, result.exception)
            assert (result.exit_code, result.stdout) == (1, ""), (command, result.output)
            (error,) = (line for line in result.stderr.splitlines() if not line.endswith(" ..."))
            assert error.startswith(f"Error: {bundle / place}: "), error
            assert said in error

    return check


# What the hashes find.


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path) -> None:
    path.write_bytes(b"")


def as_folder(path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / path.name).write_bytes(content)


def of_another_kind(path) -> None:
    bundle = path.parents[1] if path.parent.name == "onnx" else path.parent
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copy(bundle / FILES["onnx" if path.name == FILES["tflite"] else "tflite"], path)


def missing(path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def without_variables(path) -> None:
    shutil.rmtree(path / "variables")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, " bytes, but "),
        (flip, CHANGED),
        (empty, "0 bytes, but "),
        (as_folder, CHANGED),
        (of_another_kind, " bytes, but "),
        (missing, f"missing, though kerasbert.json lists it; {AGAIN}"),
    ],
)
@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_a_damaged_file_is_named(only, refused, name, damage, said):
    bundle = only(name)
    damage(bundle / FILES[name])
    refused(bundle, FILES[name], said)


@pytest.mark.parametrize(
    ("place", "damage", "said"),
    [
        (PB, cut, CHANGED),
        (PB, flip, CHANGED),
        ("saved_model/variables/variables.data-00000-of-00001", flip, CHANGED),
        (PB, empty, CHANGED),
        (PB, missing, CHANGED),
        (PB, as_folder, CHANGED),
        ("saved_model", without_variables, CHANGED),
        ("saved_model", of_another_kind, " bytes, but "),
        ("saved_model", missing, f"missing, though kerasbert.json lists it; {AGAIN}"),
    ],
)
def test_a_damaged_saved_model_is_named(only, refused, place, damage, said):
    bundle = only("saved_model")
    damage(bundle / place)
    refused(bundle, "saved_model", said)


@pytest.mark.parametrize("damage", [cut, flip, empty, as_folder, missing])
@pytest.mark.parametrize("file", ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "golden.json"])
def test_a_damaged_file_beside_the_models_is_named(light, refused, file, damage):
    damage(light / file)
    lacks = f"missing, though kerasbert.json lists it; {AGAIN}"
    refused(light, file, lacks if damage in (missing, as_folder) else CHANGED)


def test_a_golden_example_less_is_found(light, refused):
    change_golden(light, lambda recorded: recorded.pop())
    refused(light, "golden.json", CHANGED)


def test_a_file_that_predict_does_not_read_is_damage_for_verify_alone(light, run, refused):
    flip(light / "onnx/model_quantized.onnx")
    refused(light, "onnx/model_quantized.onnx", CHANGED, commands=["verify"])
    assert run("predict", light, "a lovely film").exit_code == 0


# What is damaged with hashes that fit: the engines refuse it.


@pytest.mark.parametrize("damage", [cut, of_another_kind, as_folder])
@pytest.mark.parametrize(("name", "said"), [("tflite", "not a whole TFLite model ("), ("onnx", "not a whole ONNX mod")])
def test_what_is_no_model_is_named(only, refused, name, said, damage):
    bundle = only(name)
    damage(bundle / FILES[name])
    rewrite(bundle)
    refused(bundle, FILES[name], said)


@pytest.mark.parametrize(
    ("place", "damage"),
    [(PB, cut), (PB, empty), (PB, missing), ("saved_model", without_variables), ("saved_model", of_another_kind)],
)
def test_what_is_no_saved_model_is_named(only, refused, place, damage):
    bundle = only("saved_model")
    damage(bundle / place)
    rewrite(bundle)
    refused(bundle, "saved_model", "not a whole SavedModel (")


def test_an_empty_file_is_no_file_of_a_bundle(only, refused):
    bundle = only("onnx")
    edit(bundle, lambda values: values["files"]["onnx"]["parts"][0].update(bytes=0))
    refused(bundle, NAME, "was edited;")


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_other_outputs_than_the_description_says_is_named(only, refused, name):
    def third_label(values):
        values["settings"]["labels"].append("neutral")
        values["graphs"][0]["outputs"][0]["width"] = 3

    bundle = only(name)
    rewrite(bundle, third_label)
    refused(bundle, FILES[name], "gives 2 numbers in logits, but kerasbert.json says 3; export again")


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_other_inputs_than_the_description_says_is_named(only, refused, name):
    bundle = only(name)
    rewrite(bundle, lambda values: values["graphs"][0]["inputs"].pop())
    said = "takes attention_mask, input_ids, token_type_ids, but kerasbert.json says attention_mask, input_ids; export"
    refused(bundle, FILES[name], said)


def test_a_vocabulary_without_its_special_tokens_is_named(light, refused):
    (light / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    rewrite(light)
    refused(light, "vocab.txt", "[UNK]")


# kerasbert.json.


def test_without_its_description_there_is_no_bundle(light, run):
    (light / NAME).unlink()
    for command in ("predict", "verify"):
        result = run(command, light, *["a text"] * (command == "predict"))
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {light}")
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_description_that_cannot_be_read_is_named(light, refused, content):
    (light / NAME).write_bytes(content)
    refused(light, NAME, "not readable as a bundle's description (")


def test_a_description_that_is_no_text_is_named(light, run):
    (light / NAME).write_bytes(b"\xff")
    for command in ("predict", "verify"):
        result = run(command, light, *["a text"] * (command == "predict"))
        assert result.exit_code == 1
        assert result.stderr == f"Error: {light / NAME}, line 1: byte 0xff is not UTF-8; save the file as UTF-8\n"


def test_a_bundle_without_files_answers_nothing(light, run, refused):
    rewrite(light, lambda values: values["files"].clear())
    for command, said in (
        ("predict", "no .tflite or .onnx file"),
        ("verify", "no model files, so there is nothing to"),
    ):
        result = run(command, light, *["a text"] * (command == "predict"))
        assert result.exit_code == 1
        (error,) = result.stderr.splitlines()
        assert error.startswith(f"Error: {light}: holds {said}")


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["settings"]["labels"].reverse(),
        lambda values: values["settings"].update(max_length=16),
        lambda values: values["graphs"][0]["inputs"][0].update(pad=1),
        lambda values: values["graphs"][0]["outputs"][0].update(bar="vector"),
        lambda values: values["tokenizer"].update(do_lower_case=False),
        lambda values: values["files"].pop("tflite"),
        lambda values: values.update(files=dict(reversed(values["files"].items()))),
        lambda values: values["files"]["onnx"].update(precision="int8"),
        lambda values: values["checksums"].pop("golden.json"),
        lambda values: values["versions"].update(keras="4.0"),
        lambda values: values.update(sha256="0" * 64),
    ],
)
def test_an_edit_of_the_description_is_found(light, refused, change):
    edit(light, change)
    refused(light, NAME, "was edited; `kerasbert inspect --rehash` accepts a wanted edit")


def test_a_wanted_edit_is_accepted(light, run, refused):
    """A label gets another name: the bundle answers with it, and `verify` says that Keras answered otherwise."""
    before = json.loads(run("predict", light, "a lovely film").stdout)
    edit(light, lambda values: values["settings"].update(labels=["bad", "good"]))
    refused(light, NAME, "was edited;")
    result = run("inspect", light, "--rehash")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    renamed = {"negative": "bad", "positive": "good"}[before["label"]]
    assert json.loads(run("predict", light, "a lovely film").stdout) == {**before, "label": renamed}
    result = run("verify", light)
    assert result.exit_code == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith("Error: the parity gate failed: tflite: 0.00% of answers agree, 100% wanted; to {")


def test_a_wrong_edit_is_not_accepted(light, run):
    edit(light, lambda values: values["settings"]["labels"].append("neutral"))
    before = (light / NAME).read_bytes()
    result = run("inspect", light, "--rehash")
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith(f"Error: {light / NAME}: not readable as a bundle's description (logits is ")
    assert (light / NAME).read_bytes() == before
