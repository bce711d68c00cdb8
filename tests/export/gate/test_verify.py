"""`verify`: what is said of a bundle that somebody changed, and of one that nobody did."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from edits import change_golden, flip, rewrite

from kerasbert.errors import BundleError, ExportError
from kerasbert.export import verify
from kerasbert.export.gate import bars, checks
from kerasbert.export.gate import verify as gate
from kerasbert.export.gate.checks import asks_compiled_model
from kerasbert.export.gate.verify import check, read_data
from kerasbert.runtime.manifest import Manifest, measure
from kerasbert.runtime.pipelines import Pipeline

FILES = {
    "tflite": "model.tflite",
    "onnx": "onnx/model.onnx",
    "tflite-int8": "model_int8.tflite",
    "onnx-int8": "onnx/model_quantized.onnx",
}
UNREADABLE = r"golden.json: the recorded answers cannot be read \(.+\); export again$"
CHANGED = r"its bytes are not the ones that were written; export or copy it again"


def verified(bundle) -> None:
    check(verify(bundle))


def test_a_whole_bundle_passes(tiny_bundle):
    rows = verify(tiny_bundle)
    check(rows)
    assert {row.format for row in rows} == {*FILES, "saved_model"}
    # float32 files first: their answers judge the others on data
    assert [row.format for row in rows[-2:]] == ["tflite-int8", "onnx-int8"]
    for row in rows:
        assert row.megabytes == pytest.approx(measure(tiny_bundle / row.path)[0] / 1e6)
        assert (row.figure, row.failed, row.agreement) == (None, None, 1.0)


def test_it_changes_nothing(light):
    before = measure(light)
    verify(light)
    assert measure(light) == before


def read(bundle, path) -> list:
    """A labelled file as examples for that bundle."""
    manifest = Manifest.read(bundle)
    return read_data(path, manifest.definition, manifest.task_settings)


def test_data_gives_the_figure_and_has_the_last_word_on_int8(light, opinion_file):
    rows = verify(light, data=read(light, opinion_file))
    assert [(row.figure, row.agreement, row.failed) for row in rows] == [(1.0, 1.0, None)] * 4


def test_data_decide_on_a_quantised_file_and_golden_texts_do_where_there_are_none(light, opinion_file, monkeypatch):
    monkeypatch.setattr(bars, "AGREEMENT", 1.01)
    monkeypatch.setattr(checks, "CHECKS", [each for each in checks.CHECKS if each is not asks_compiled_model])
    data = read(light, opinion_file)
    without, with_data = ({row.format: row for row in verify(light, data=each)} for each in ((), data))
    for name in ("tflite-int8", "onnx-int8"):
        figure = "100.00% of answers agree or are unclear, 101% wanted"
        assert without[name].failed == without[name].decision.figure == figure
        assert with_data[name].failed is None
        assert with_data[name].decision.figure == "accuracy on the data falls by 0.00 points, a fall of 0.5 allowed"
    for rows in (without, with_data):
        assert rows["tflite"].failed is None
        assert rows["tflite"].decision.figure.startswith("outputs differ by ")


def test_on_data_a_quantised_file_is_compared_with_a_float32_one(light, opinion_file, monkeypatch):
    """Keras is not there: the first float32 file that passed stands for it."""
    right = Pipeline.answered

    def turned(self, examples, **options):
        for found in right(self, examples, **options):
            if found.example.line and "int8" in self._source["file"]:
                found = replace(found, outputs={"logits": [-logits for logits in found.outputs["logits"]]})
            yield found

    monkeypatch.setattr(Pipeline, "answered", turned)
    rows = {row.format: row for row in verify(light, data=read(light, opinion_file))}
    assert [rows[name].failed for name in ("tflite", "onnx")] == [None, None]
    said = "accuracy on the data falls by 100.00 points, a fall of 0.5 allowed"
    assert [rows[name].failed for name in ("tflite-int8", "onnx-int8")] == [said, said]


@pytest.fixture
def texts_alone(monkeypatch):
    """`texts_alone("tflite")`: that file is opened as if it had a tokenizer of its own."""
    right = gate.open_any

    def taking(file: str) -> None:
        def open_any(folder, name):
            opened = right(folder, name)
            if name == file:
                opened.pipeline.fields = {"text"}
            return opened

        monkeypatch.setattr(gate, "open_any", open_any)

    return taking


def test_a_file_that_cannot_be_asked_the_data_is_no_reference(light, texts_alone, file, caplog):
    texts_alone("tflite")
    pairs = file("pairs.csv", "text,text_pair,label\na good film,so it is,positive\na bad film,it is,negative\n")
    rows = {row.format: row for row in verify(light, data=read(light, pairs))}
    assert {name: row.figure is None for name, row in rows.items()} == {name: name == "tflite" for name in FILES}
    assert [row.failed for row in rows.values()] == [None] * 4
    assert "model.tflite: not measured on the data: it takes text alone" in caplog.messages


def test_data_without_a_float32_file_compare_nothing_and_that_is_said(light, opinion_file, caplog):
    (row,) = verify(light, data=read(light, opinion_file), files=["tflite-int8"])
    assert (row.figure, row.failed) == (1.0, None)
    said = "model_int8.tflite: nothing to compare its answers on the data with: no float32 file passed before it"
    assert caplog.messages == [said]


def test_a_row_names_three_failures_and_counts_the_others(light, monkeypatch):
    for count, said in ((1, "0"), (3, "0; 1; 2"), (4, "0; 1; 2; and 1 more"), (9, "0; 1; 2; and 6 more")):
        monkeypatch.setattr(checks, "CHECKS", [lambda subject, row, count=count: list(map(str, range(count)))])
        assert [row.failed for row in verify(light, files=["onnx"])] == [said]


@pytest.mark.parametrize(
    "file", [*FILES.values(), "saved_model/saved_model.pb", "saved_model/variables/variables.index"]
)
def test_a_changed_byte_is_found_before_the_file_runs(copy, file):
    name = "saved_model" if file.startswith("saved_model") else file

    def only_it(values):
        values["files"] = {format: kept for format, kept in values["files"].items() if kept["parts"][0]["path"] == name}

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
    with pytest.raises(BundleError, match=r"copy/vocab.txt: missing, though kerasbert.json lists it; export or copy"):
        verify(light)


def test_missing_answers_are_named(light):
    (light / "golden.json").unlink()
    with pytest.raises(BundleError, match=r"copy/golden.json: missing, though kerasbert.json lists it; export or copy"):
        verify(light)


def test_a_bundle_without_files_does_not_verify(light):
    rewrite(light, lambda values: values["files"].clear())
    said = r"copy: holds no model files, so there is nothing to verify; export again$"
    with pytest.raises(BundleError, match=said):
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
        lambda recorded: recorded[3].pop("answer"),
        lambda recorded: recorded[3].pop("rows"),
        lambda recorded: recorded[3].pop("example"),
        lambda recorded: recorded[3].update(rows=[]),
        lambda recorded: recorded[3].update(example={}),
        lambda recorded: recorded[3].update(example={"text": 3}),
        lambda recorded: recorded[3].update(example={"text_pair": "a text"}),
        lambda recorded: recorded[3].update(example={"text": "a", "label": "b"}),
        lambda recorded: recorded[3]["rows"][0].pop("outputs"),
        lambda recorded: recorded[3]["rows"][0].pop("input_ids"),
        lambda recorded: recorded[3]["rows"][0].update(input_ids=["a"]),
        lambda recorded: recorded[3]["rows"][0]["outputs"].pop("logits"),
        lambda recorded: recorded[3]["rows"][0]["outputs"]["logits"].append(0.0),
        lambda recorded: recorded[3]["rows"][0]["outputs"].update(logits="none"),
        lambda recorded: recorded[3]["rows"][0]["outputs"].update(logits=None),
        lambda recorded: recorded.clear(),
        lambda recorded: recorded.append("a text"),
    ],
)
def test_answers_that_are_not_whole_are_named(light, change):
    change_golden(light, change)
    rewrite(light)
    with pytest.raises(BundleError, match=UNREADABLE):
        verified(light)


@pytest.mark.parametrize("content", [b"", b"[", b"null", b"[1]", b'{"example": {}}', b"\xff"])
def test_answers_that_are_no_list_are_named(light, content):
    (light / "golden.json").write_bytes(content)
    rewrite(light)
    with pytest.raises(BundleError, match=UNREADABLE):
        verified(light)


def test_recorded_answers_that_are_no_numbers_do_not_pass(light):
    change_golden(light, lambda recorded: recorded[3]["rows"][0]["outputs"].update(logits=[float("nan")] * 2))
    rewrite(light)
    with pytest.raises(ExportError, match=r"tflite: Keras's own outputs are not all finite"):
        verified(light)


def test_an_empty_second_text_is_a_pair_too(light, exported):
    model = exported("bert").model
    ids = model.tokenizer(["good"], [""])["input_ids"][0].tolist()
    logits, (answer,) = model.predict_logits(["good"], [""])[0].tolist(), model.predict_text(["good"], [""])
    row = {"input_ids": ids, "outputs": {"logits": logits}}
    added = {"example": {"text": "good", "text_pair": ""}, "rows": [row], "answer": answer}
    change_golden(light, lambda recorded: recorded.append(added))
    rewrite(light)
    verified(light)


# Answers are compared too, not only numbers.


def test_another_recorded_answer_is_found(light):
    def change(recorded):
        answer = recorded[4]["answer"]
        answer["label"] = {"positive": "negative", "negative": "positive"}[answer["label"]]

    change_golden(light, change)
    rewrite(light)
    for row in verify(light):
        wanted = "agree, 100%" if row.format in ("tflite", "onnx") else "agree or are unclear, 99%"
        assert row.failed.startswith(f"95.24% of answers {wanted} wanted")
        assert row.agreement == pytest.approx(20 / 21)


@pytest.mark.parametrize("answer", [None, [], {}, "positive", {"score": 1.0}, [{"label": "positive", "score": 1.0}]])
def test_a_recorded_answer_of_another_form_is_another_answer(light, answer):
    change_golden(light, lambda recorded: recorded[4].update(answer=answer))
    rewrite(light)
    (row,) = verify(light, files=["onnx"])
    said = "95.24% of answers agree, 100% wanted; to {'text': 'I would not buy this again, even at half the price!'} "
    assert row.failed.startswith(f"{said}Keras answers {answer!r}, and the file {{'label': ")


def test_labels_exchanged_are_found_though_all_numbers_fit(light):
    rewrite(light, lambda values: values["settings"]["labels"].reverse())
    for row in verify(light):
        assert row.failed.startswith("0.00% of answers agree")
        assert "outputs" not in row.failed


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


def test_the_command_shows_the_figure_that_decides(run, light, opinion_file):
    result = run("verify", light, "--data", opinion_file, "--max-drop", 3)
    assert result.exit_code == 0, result.output
    _, *lines = result.stdout.splitlines()
    for line in lines[:2]:
        assert re.search(r"  outputs differ by \S+, 0.0001 allowed$", line)
    for line in lines[2:]:
        assert line.endswith("  accuracy on the data falls by 0.00 points, a fall of 3 allowed")


def test_the_command_marks_what_failed_and_ends_with_one_line_and_exit_code_1(run, light):
    change_golden(light, lambda recorded: recorded[1].update(answer={"label": "odd", "score": 1.0}))
    rewrite(light)
    result = run("verify", light)
    assert result.exit_code == 1
    assert [line.split()[-1] for line in result.stdout.splitlines()][1:] == ["FAILED"] * 4
    *steps, error = result.stderr.splitlines()
    assert steps == [f"checking {name} ..." for name in FILES]
    assert error.startswith("Error: the parity gate failed: tflite: 95.24% of answers agree, 100% wanted; to {")
