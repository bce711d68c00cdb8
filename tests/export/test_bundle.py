"""What `export_bundle` writes, what it refuses, and that it leaves nothing half-done."""

import errno
import json
import os
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasbert as kb
from kerasbert import BertConfig, BertEncoder, TextClassifier
from kerasbert.errors import ExportError, KerasBertError
from kerasbert.export import bundle
from kerasbert.export.bundle import export_bundle
from kerasbert.export.gate import golden, verify
from kerasbert.export.gate.opening import open_any
from kerasbert.export.variants import USUAL, VARIANTS, WRITERS
from kerasbert.runtime import load
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import NAME, Manifest, measure

UNASKED = {name: v for name, v in VARIANTS.items() if v.kind in USUAL and v.quantize in ("none", "int8")}
TEXTS = ["good", "the film was awful, day", ""]
TOKENIZER = {"vocab.txt", "tokenizer.json", "tokenizer_config.json"}
REST = {NAME, "config.json", "golden.json", "report.json", "report.html"}


@pytest.fixture
def model(tiny_classifier):
    return TextClassifier.from_pretrained(tiny_classifier)


@contextmanager
def disk_of(kilobytes: int):
    """No file may grow beyond this: the operating system refuses the write, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> set[str]:
    """The files in a bundle, by their paths; a SavedModel counts as one."""
    paths = (*folder.iterdir(), *folder.glob("onnx/*"))
    return {path.relative_to(folder).as_posix() for path in paths if path.name != "onnx"}


def test_a_bundle_holds_what_it_says(exported):
    model, folder = exported("bert").model, exported("bert").bundle
    assert names(folder) == {variant.path for variant in UNASKED.values()} | TOKENIZER | REST
    manifest = Manifest.read(folder)
    assert list(manifest.files) == list(UNASKED)
    for name, file in manifest.files.items():
        assert [(part.bytes, part.sha256) for part in file.parts] == [measure(folder / file.path)]
        variant = VARIANTS[name]
        assert (file.kind, file.path, file.parts[0].graphs) == (variant.kind, variant.path, ("model",))
        assert file.precision == ("float32" if variant.quantize == "none" else "int8")
    assert set(manifest.checksums) == TOKENIZER | {"golden.json"}
    assert (manifest.task, manifest.task_settings) == ("text-classification", model.settings)
    assert manifest.settings["labels"] == ["negative", "positive"]
    assert (manifest.lengths, manifest.graphs) == ([16, 32], list(model.graphs()))
    (graph,) = manifest.graphs
    assert [(each.name, each.axis, each.pad) for each in graph.inputs] == [
        ("input_ids", "token", 0),
        ("attention_mask", "token", 0),
        ("token_type_ids", "token", 0),
    ]
    assert [(each.name, each.axis, each.bar, each.width) for each in graph.outputs] == [("logits", "row", "choice", 2)]
    assert manifest.tokenizer == model.tokenizer.options()
    assert manifest.versions["keras"] == keras.__version__
    assert folder.stat().st_mode & 0o777 == 0o755


def test_the_golden_examples_cover_what_a_port_gets_wrong(exported):
    """The empty text, scripts, pairs, and what is longer than the model; ids, logits and answers are the model's."""
    model, folder = exported("bert").model, exported("bert").bundle
    recorded = golden.read(folder, Manifest.read(folder).graphs)
    for each, whole in zip(recorded, model.task.golden, strict=True):
        assert each.example.keys() == whole.fields.keys()
        for name, text in each.example.items():  # a text that is far longer than the model lacks words in its middle
            if text != whole.fields[name]:
                assert len(text.split(" ")) == max(100, 3 * model.max_length // 2)
                assert whole.fields[name].startswith(text[: len(text) // 2])
                assert whole.fields[name].endswith(text[-30:])
    assert any("text_pair" in each.example for each in recorded)
    lengths = [len(row.input_ids) for each in recorded for row in each.rows]
    assert min(lengths) == 2
    assert lengths.count(model.max_length) >= 4
    assert any(len(each.rows) > 1 for each in recorded)
    for each in recorded:
        columns = [[text] for text in each.example.values()]
        rows = model.task.rows(model.tokenizer, model.task.examples(*columns)[0], model.settings)
        assert [row.input_ids for row in each.rows] == [list(row.inputs["input_ids"]) for row in rows]
        logits = [row.outputs["logits"] for row in each.rows]
        average = np.average(logits, axis=0, weights=[len(row) for row in rows])
        np.testing.assert_allclose(model.predict_logits(*columns)[0], average, atol=1e-6)
        (answer,) = model.predict_text(*columns)
        assert each.answer == {"label": answer["label"], "score": pytest.approx(answer["score"], abs=1e-6)}


def test_golden_json_has_the_form_that_ports_read(exported):
    recorded = json.loads((exported("bert").bundle / "golden.json").read_text(encoding="utf-8"))
    for each in recorded:
        assert list(each) == ["example", "rows", "answer"]
        assert {tuple(row) for row in each["rows"]} == {("input_ids", "outputs")}  # no places: logits are by row


def test_every_kind_has_a_writer_and_an_engine():
    assert WRITERS.keys() == KINDS.keys() == {variant.kind for variant in VARIANTS.values()}
    for kind in WRITERS:
        assert callable(bundle.writer(kind))


@pytest.mark.parametrize(
    ("function", "options", "files"),
    [
        ("tflite", {"quantize": "int8"}, {"model_int8.tflite"}),
        ("tflite", {"quantize": ["none"]}, {"model.tflite"}),
        ("onnx", {}, {"onnx/model.onnx", "onnx/model_quantized.onnx"}),
        ("saved_model", {}, {"saved_model"}),
        pytest.param(
            "export_bundle",
            {"formats": ["onnx", "tflite"], "quantize": "int8"},
            {"onnx/model_quantized.onnx", "model_int8.tflite"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_public_functions_write_the_formats_of_their_name(exported, tmp_path, function, options, files):
    model = exported("roberta").model
    steps = []
    (tmp_path / "out").mkdir()  # an empty folder may be there
    rows = getattr(kb.export, function)(model, tmp_path / "out", **options, progress=steps.append)
    assert {row.path for row in rows} == files
    tokenizer = {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"}
    assert names(tmp_path / "out") == files | tokenizer | REST
    assert steps[0] == "recording the Keras model's answers"
    assert {step for step in steps if step.startswith("checking")} == {f"checking {row.format}" for row in rows}
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report == verify.report(rows)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_public_names_are_there():
    assert kb.export.verify is verify.verify
    assert kb.export.export_bundle is export_bundle
    assert set(dir(kb.export)) == {"ExportOptions", "export_bundle", "saved_model", "tflite", "onnx", "verify"}
    with pytest.raises(AttributeError, match=r"module 'kerasbert.export' has no attribute 'coreml'"):
        _ = kb.export.coreml


@pytest.mark.parametrize(
    ("how", "dtype", "format"),
    [
        ("argument", "mixed_float16", "tflite"),
        ("policy", "mixed_bfloat16", "onnx"),
    ],
)
def test_mixed_precision_is_exported_from_its_float32_variables(tiny_classifier, tmp_path, dtype, how, format):
    wanted = TextClassifier.from_pretrained(tiny_classifier).predict_logits(TEXTS)
    if how == "policy":
        keras.config.set_dtype_policy(dtype)
    try:
        model = TextClassifier.from_pretrained(tiny_classifier, dtype=None if how == "policy" else dtype)
        assert np.abs(model.predict_logits(TEXTS) - wanted).max() > 1e-4  # it is another arithmetic
        rows = export_bundle(model, tmp_path / "out", formats=format, quantize="none")
        assert keras.config.dtype_policy().name == (dtype if how == "policy" else "float32")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.encoder.blocks[0].compute_dtype == dtype.removeprefix("mixed_")
    assert all(row.max_difference < 1e-5 for row in rows)
    found = open_any(tmp_path / "out", format).pipeline.predict_logits(TEXTS)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_labelled_data_is_measured_too(model, tmp_path, opinion_file):
    (row,) = export_bundle(model, tmp_path / "out", formats="tflite", quantize="int8", data=opinion_file)
    assert (row.figure, row.agreement) == (1.0, 1.0)


def test_wrong_data_is_named_before_anything_is_written(model, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("text,label\na good film,delighted\n", encoding="utf-8")
    with pytest.raises(KerasBertError, match=r"data.csv, line 2: unknown label 'delighted'"):
        export_bundle(model, tmp_path / "out", data=data)
    assert names(tmp_path) == {"data.csv"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            {"formats": ()},
            r"formats is empty, so there is nothing to export: use one or more of tflite, onnx, saved_mo",
        ),
        ({"quantize": ()}, r"quantize is empty, so there is nothing to export: use one or more of int4, full-int8"),
        ({"formats": ("tflite", "onx")}, r"formats is 'onx': use one or more of tflite, onnx, saved_model"),
        ({"formats": "savedmodel"}, r"formats is 'savedmodel': use one or more of"),
        ({"formats": "tflite,onnx"}, r"formats is 'tflite,onnx': use one or more of"),
        ({"quantize": ("none", "int2")}, r"quantize is 'int2': use one or more of int4, full-int8"),
        ({"formats": ("onnx", "saved_model"), "quantize": "int8"}, r"has no int8; quantize can be none there$"),
    ],
)
def test_what_cannot_be_meant_is_refused(model, tmp_path, options, complaint):
    with pytest.raises(ExportError, match=complaint):
        export_bundle(model, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_tokenizer_is_refused(tmp_path):
    config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4)
    model = TextClassifier(BertEncoder(config), labels=["a", "b"])
    with pytest.raises(ExportError, match=r"no tokenizer; put vocab.txt or tokenizer.json into"):
        export_bundle(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused_before_any_work(model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    steps = []
    with pytest.raises(KerasBertError, match=r"the output folder is not empty; name another, or empty it first"):
        export_bundle(model, tmp_path, progress=steps.append)
    assert (steps, names(tmp_path)) == ([], {"mine.txt"})


@pytest.mark.parametrize("formats", ["tflite", "onnx", "saved_model"])
def test_a_disk_that_refuses_leaves_nothing(exported, tmp_path, formats):
    model = exported("roberta").model  # its files are of 100 kB and more
    with pytest.raises(KerasBertError, match=rf"failed \({os.strerror(errno.EFBIG)}\)"), disk_of(kilobytes=80):
        export_bundle(model, tmp_path / "out", formats=formats)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_so_in_one_line(converted_anew, run, fixtures, tmp_path):
    with disk_of(kilobytes=80):
        result = run("export", fixtures / "roberta_classifier", "--format", "tflite", "--out", "out")
    assert result.exit_code == 1
    said = (
        rf"Error: /.*: writing (a SavedModel )?failed \({os.strerror(errno.EFBIG)}\)(; make room or name another .*)?"
    )
    assert re.fullmatch(said, result.stderr.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(exported, tmp_path, monkeypatch):
    """ENOSPC, which a test cannot have for real."""
    write = Path.write_text

    def full(self, *args, **options):
        if self.name == "golden.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(KerasBertError, match=rf"out: writing failed \({os.strerror(errno.ENOSPC)}\)"):
        export_bundle(exported("roberta").model, tmp_path / "out", formats="onnx")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(exported, tmp_path):
    def stop(step):
        if step == "writing onnx":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_bundle(exported("roberta").model, tmp_path / "out", formats="onnx", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_texts_that_are_cut_are_counted(tmp_path, tiny_bert, caplog):
    """Sentence embedding cuts; a text classifier reads windows."""
    model = kb.SentenceEncoder(BertEncoder.from_pretrained(tiny_bert), max_length=8)
    export_bundle(model, tmp_path / "bundle", formats="onnx", quantize="none")
    texts = ["the film was good " * 9, "good", "the film was good " * 5]
    for encode in (model.encode, model.predict_text, load(tmp_path / "bundle").encode):
        caplog.clear()
        encode(texts)
        assert caplog.messages == ["2 of 3 texts were cut, at 8 tokens"]
