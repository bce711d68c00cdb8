"""`verify`: what is said of a bundle that somebody changed, and of one that nobody did."""

import json
import shutil

import pytest

from kerasbert.errors import BundleError, ExportError, KerasBertError
from kerasbert.export import verify
from kerasbert.export.gate.verify import check, read_data
from kerasbert.runtime.manifest import NAME, Manifest, measure, rehash

FILES = {
    "tflite": "model.tflite",
    "onnx": "model.onnx",
    "tflite-int8": "model_int8.tflite",
    "onnx-int8": "model_int8.onnx",
}
UNREADABLE = r"golden.json: the recorded answers cannot be read \(.+\); export again$"
CHANGED = r"its bytes are not the ones that were written; export or copy it again"


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle of one's own."""
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


@pytest.fixture
def light(copy):
    """One without the SavedModel, whose loading takes seconds."""
    rewrite(copy, lambda values: values["files"].pop("saved_model"))
    shutil.rmtree(copy / "saved_model")
    return copy


def rewrite(bundle, change=lambda values: None) -> None:
    """Changes kerasbert.json and measures all files anew, so that no checksum gives a change away."""
    values = json.loads((bundle / NAME).read_text(encoding="utf-8"))
    change(values)
    for file in values["files"].values():
        file["bytes"], file["sha256"] = measure(bundle / file["path"])
    values["checksums"] = {name: measure(bundle / name)[1] for name in values["checksums"] if (bundle / name).exists()}
    (bundle / NAME).write_text(json.dumps(values), encoding="utf-8")
    rehash(bundle)


def change_golden(bundle, change) -> None:
    rows = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    change(rows)
    (bundle / "golden.json").write_text(json.dumps(rows), encoding="utf-8")


def flip(path) -> None:
    """Turns a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def verified(bundle) -> None:
    check(verify(bundle))


def test_a_whole_bundle_passes(tiny_bundle):
    rows = verify(tiny_bundle)
    check(rows)
    assert {row.format for row in rows} == {*FILES, "saved_model"}
    # float32 files first: their logits judge the others on data
    assert [row.format for row in rows[-2:]] == ["tflite-int8", "onnx-int8"]
    for row in rows:
        assert row.megabytes == pytest.approx(measure(tiny_bundle / row.path)[0] / 1e6)
        assert (row.figure, row.failed, row.agreement) == (None, None, 1.0)


def test_it_changes_nothing(light):
    before = measure(light)
    verify(light)
    assert measure(light) == before


def test_data_gives_accuracy_and_has_the_last_word_on_int8(light, opinion_file):
    manifest = Manifest.read(light)
    rows = verify(light, data=read_data(opinion_file, manifest.definition, manifest.task_settings))
    assert [(row.figure, row.agreement, row.failed) for row in rows] == [(1.0, 1.0, None)] * 4


@pytest.mark.parametrize(
    "file", [*FILES.values(), "saved_model/saved_model.pb", "saved_model/variables/variables.index"]
)
def test_a_changed_byte_is_found_before_the_file_runs(copy, file):
    name = file.split("/")[0]

    def only_it(values):
        values["files"] = {format: kept for format, kept in values["files"].items() if kept["path"] == name}

    rewrite(copy, only_it)
    flip(copy / file)
    with pytest.raises(BundleError, match=rf"copy/{name}: {CHANGED}"):
        verify(copy)


@pytest.mark.parametrize("file", FILES.values())
def test_a_file_cut_short_is_found(light, file):
    content = (light / file).read_bytes()
    (light / file).write_bytes(content[:-7])
    with pytest.raises(BundleError, match=rf"{file}: {len(content) - 7} bytes, but {len(content)} were written"):
        verify(light)


@pytest.mark.parametrize("file", [*FILES.values(), "saved_model"])
def test_a_missing_file_is_named(request, file):
    copy = request.getfixturevalue("copy" if file == "saved_model" else "light")
    shutil.rmtree(copy / file) if (copy / file).is_dir() else (copy / file).unlink()
    with pytest.raises(BundleError, match=rf"copy/{file}: missing, though kerasbert.json lists it; export or copy it"):
        verify(copy)


@pytest.mark.parametrize("file", ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "golden.json"])
def test_a_change_beside_the_models_is_found(light, file):
    flip(light / file)
    with pytest.raises(BundleError, match=rf"copy/{file}: {CHANGED}"):
        verify(light)


def test_a_missing_vocabulary_is_named(light):
    (light / "vocab.txt").unlink()
    with pytest.raises(
        KerasBertError, match=r"vocab.txt: missing, though kerasbert.json lists it; export or copy it again"
    ):
        verify(light)


def test_missing_answers_are_named(light):
    (light / "golden.json").unlink()
    with pytest.raises(BundleError, match=r"golden.json: missing, though kerasbert.json lists it; export or copy it"):
        verify(light)


# From here on the checksums fit the change: it is the answers that do not.


def test_another_model_of_the_same_shape_is_found(light, exported):
    """The weights of a float32 TFLite file stand in it as they are: one of them becomes another number."""
    kernel = exported("bert").model.get_layer("classifier").dense.kernel.numpy()
    content = (light / "model.tflite").read_bytes()
    stored = kernel.T.tobytes()  # (labels, hidden)
    assert content.count(stored) == 1
    other = kernel.T.copy()
    other[0, 0] += 0.01
    (light / "model.tflite").write_bytes(content.replace(stored, other.tobytes()))
    rewrite(light)
    with pytest.raises(
        ExportError, match=r"^the parity gate failed: tflite: outputs differ by 0.0\d+, 0.0001 allowed$"
    ):
        verified(light)


def test_a_vocabulary_with_two_pieces_exchanged_is_found(light):
    pieces = (light / "vocab.txt").read_text(encoding="utf-8").split("\n")
    one, two = pieces.index("film"), pieces.index("room")
    pieces[one], pieces[two] = pieces[two], pieces[one]
    (light / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    rewrite(light)
    with pytest.raises(ExportError, match=r"tflite: ids of 'a lovely film' differ; ids of"):
        verified(light)


def test_another_casing_is_found(light):
    rewrite(light, lambda values: values["tokenizer"].update(do_lower_case=False))
    with pytest.raises(ExportError, match=r"tflite: ids of 'Good.' differ; ids of"):
        verified(light)


def test_one_other_recorded_number_is_found(light):
    def change(rows):
        rows[5]["rows"][0]["outputs"]["logits"][1] += 2e-4

    change_golden(light, change)
    rewrite(light)
    with pytest.raises(ExportError, match=r"tflite: outputs differ by 0.0002, 0.0001 allowed \| onnx: outputs differ"):
        verified(light)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[3].pop("rows"),
        lambda rows: rows[3].pop("answer"),
        lambda rows: rows[3]["rows"].clear(),
        lambda rows: rows[3]["rows"][0]["outputs"].pop("logits"),
        lambda rows: rows[3]["rows"][0].pop("input_ids"),
        lambda rows: rows[3]["rows"][0]["outputs"]["logits"].append(0.0),
        lambda rows: rows[3]["rows"][0]["outputs"].update(logits="none"),
        lambda rows: rows[3]["rows"][0]["outputs"].update(logits=None),
        lambda rows: rows.clear(),
        lambda rows: rows.append("a text"),
    ],
)
def test_answers_that_are_not_whole_are_named(light, change):
    change_golden(light, change)
    rewrite(light)
    with pytest.raises(BundleError, match=UNREADABLE):
        verified(light)


@pytest.mark.parametrize("content", [b"", b"[", b"null", b"[1]", b'{"text": "a"}', b"\xff"])
def test_answers_that_are_no_list_are_named(light, content):
    (light / "golden.json").write_bytes(content)
    rewrite(light)
    with pytest.raises(BundleError, match=UNREADABLE):
        verified(light)


def test_recorded_answers_that_are_no_numbers_do_not_pass(light):
    change_golden(light, lambda rows: rows[3]["rows"][0]["outputs"].update(logits=[float("nan")] * 2))
    rewrite(light)
    with pytest.raises(ExportError, match=r"tflite: Keras's own outputs are not all finite"):
        verified(light)


def test_another_recorded_answer_is_found_though_the_numbers_are_right(light):
    change_golden(light, lambda rows: rows[5].update(answer={"label": "neither", "score": 1.0}))
    rewrite(light)
    with pytest.raises(ExportError, match=r"tflite: 95.24% of answers agree, 100% wanted \| onnx: 95.24% of answers"):
        verified(light)


def test_a_bundle_without_files_does_not_verify(light):
    rewrite(light, lambda values: values.update(files={}))
    with pytest.raises(BundleError, match=r"copy: holds no model files, so there is nothing to verify; export again"):
        verify(light)


def test_an_edit_of_the_description_is_found(light):
    values = json.loads((light / NAME).read_text(encoding="utf-8"))
    values["settings"]["labels"].reverse()
    (light / NAME).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BundleError, match=rf"{NAME}: was edited; `kerasbert inspect --rehash` accepts a wanted edit"):
        verify(light)


def test_an_empty_second_text_is_a_pair_too(light, exported):
    model = exported("bert").model

    def change(rows):
        encoded = model.tokenizer(["good"], [""])
        logits = model.predict_logits(["good"], [""])[0]
        row = {"input_ids": encoded["input_ids"][0].tolist(), "outputs": {"logits": logits.tolist()}}
        (answer,) = model.predict_text(["good"], [""])
        rows.append({"example": {"text": "good", "text_pair": ""}, "rows": [row], "answer": answer})

    change_golden(light, change)
    rewrite(light)
    verified(light)


def test_the_command_prints_a_table_and_ends_well(run, light):
    result = run("verify", light)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["format", *FILES]
    assert "accuracy" not in lines[0]


def test_the_command_gives_json_and_the_accuracy_on_data(run, light, opinion_file):
    result = run("verify", light, "--data", opinion_file, "--json")
    assert result.exit_code == 0, result.output
    assert [(row["format"], row["figure"]) for row in json.loads(result.stdout)] == [(name, 1.0) for name in FILES]


def test_the_command_marks_what_failed_and_ends_with_one_line_and_exit_code_1(run, light):
    def change(rows):
        rows[0]["rows"][0]["outputs"].update(logits=[-5.0, 5.0])
        rows[0].update(answer={"label": "positive", "score": 1.0})

    change_golden(light, change)
    rewrite(light)
    result = run("verify", light)
    assert result.exit_code == 1
    assert [line.split()[-1] for line in result.stdout.splitlines()][1:] == ["FAILED"] * 4
    *steps, error = result.stderr.splitlines()
    assert steps == [f"checking {name} ..." for name in FILES]
    assert error.startswith("Error: the parity gate failed: tflite: outputs differ by")


@pytest.mark.parametrize("how", ["byte", "file", "golden", "vocabulary", "bundle"])
def test_the_command_ends_with_one_line_and_exit_code_1(run, light, how):
    if how == "byte":
        flip(light / "model.tflite")
    elif how == "file":
        (light / "model.tflite").unlink()
    elif how == "golden":
        (light / "golden.json").write_text("[")
    elif how == "vocabulary":
        (light / "vocab.txt").write_text("[PAD]\n")
    else:
        (light / NAME).unlink()
    result = run("verify", light)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    (error,) = (line for line in result.stderr.splitlines() if not line.endswith(" ..."))
    assert error.startswith(f"Error: {light}")
