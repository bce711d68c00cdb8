"""`inspect`: every kind of path that it knows, and what is said of others."""

import csv
import json
import shutil

import numpy as np
import pytest
from checkpoints.torch_files import recorded
from safetensors.numpy import load_file

from kerasbert.checkpoints import keras_weights
from kerasbert.errors import BundleError, KerasBertError
from kerasbert.runs.describe import FILES, FOLDERS, describe

TEXTS = [("a good film", "positive"), ("a bad film, a bad day", "negative"), ("good", "positive")]


@pytest.fixture
def paths(tiny_classifier, tiny_bundle, tmp_path):
    """One path of each kind, by what tells the kind: the file that a folder holds, or how a file's name ends."""
    with open(tmp_path / "texts.csv", "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *TEXTS])
    with open(tmp_path / "texts.tsv", "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows([("text", "label"), *TEXTS])
    lines = (json.dumps({"text": text, "label": label}) for text, label in TEXTS)
    (tmp_path / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    asked = [{"question": "who left", "answers": answers} for answers in ([{"text": "Bo", "answer_start": 0}], [])]
    squad = {"data": [{"paragraphs": [{"context": "Bo left", "qas": asked}]}]}
    (tmp_path / "texts.json").write_text(json.dumps(squad), encoding="utf-8")
    (tmp_path / "texts.conll").write_text("Ann B-PER\n\nBo B-PER\nLee I-PER\nleft O\n", encoding="utf-8")
    return {
        "kerasbert.json": tiny_bundle,
        "saved_model.pb": tiny_bundle / "saved_model",
        "config.json": tiny_classifier,
        ".tflite": tiny_bundle / "model.tflite",
        ".onnx": tiny_bundle / "onnx/model.onnx",
        ".safetensors": tiny_classifier / "model.safetensors",
        **{f".{kind}": tmp_path / f"texts.{kind}" for kind in ("csv", "tsv", "jsonl", "conll", "json")},
    }


KINDS = {
    "kerasbert.json": {
        "kind": "bundle",
        "labels": ["negative", "positive"],
        "max_length": 32,
        "tokenizer": "wordpiece",
    },
    "saved_model.pb": {"kind": "SavedModel"},
    "config.json": {"kind": "model", "family": "bert", "layers": 2, "hidden_size": 32, "positions": 64, "heads": 4},
    ".tflite": {"kind": "TFLite model", "partitions": 1, "signatures": ["serving_default", "tokens_16"]}
    | {"lowest runtimes": {"TFLite": "2.9", "LiteRT": "1.0"}},
    ".onnx": {"kind": "ONNX model", "outputs": {"logits": ["batch", 2]}},
    ".safetensors": {"kind": "weights", "classifier.bias": [2], "dtypes": {"float32": 41}},
}
KINDS |= {
    ending: {
        "kind": "texts",
        "read for": "text-classification",
        "rows": 3,
        "pairs": False,
        "labels": {"positive": 2, "negative": 1},
        "different labels": 2,
        "median words": 3,
        "most words": 6,
    }
    for ending in (".csv", ".tsv", ".jsonl")
}
KINDS[".json"] = {
    "kind": "questions",
    "read for": "question-answering",
    "rows": 2,
    "without an answer": 1,
    "median words": 2,
    "most words": 2,
}
KINDS[".conll"] = {
    "kind": "texts",
    "read for": "token-classification",
    "rows": 2,
    "labels": {"B-PER": 2, "I-PER": 1, "O": 1},
    "different labels": 3,
    "median words": 3,
    "most words": 3,
}
ELSEWHERE = {"index.json", "plan.json", "bert_config.json", ".bin", ".h5"}
"""Pre-training data, whose tests make some; and checkpoints of other tools, which have tests of their own."""


def test_weights_of_torch_and_tensorflow_are_listed(tmp_path):
    """Without either of them: `torch_model.gz` and `tf_model.h5.gz` are those that other tests read."""
    (tmp_path / "pytorch_model.bin").write_bytes(recorded("torch_model"))
    facts = describe(tmp_path / "pytorch_model.bin")
    assert facts["kind"] == "weights"
    assert facts["bert.embeddings.word_embeddings.weight"] == [12, 8]
    (tmp_path / "tf_model.h5").write_bytes(recorded("tf_model.h5"))
    facts = describe(tmp_path / "tf_model.h5")
    assert facts["dtypes"] == {"float32": facts["tensors"]}


@pytest.mark.parametrize("name", ["model.weights.h5", "model.h5"])
def test_every_variable_of_a_file_of_keras_is_listed(name, tmp_path):
    """Their names end alike, which is not how transformers' files name copies of one variable."""
    keras_weights.write(
        tmp_path / name, [(f"layers/{layer}/vars/{n}", np.ones(n + 2)) for layer in "ab" for n in (0, 1)]
    )
    facts = describe(tmp_path / name)
    assert (facts["tensors"], facts["parameters"], facts["layers/b/vars/1"]) == (4, 10, [3])


def test_choices_are_counted(tmp_path):
    path = tmp_path / "copa.csv"
    path.write_text("premise,choice1,choice2,label\nit rained,we ran,we sat,0\nit was hot,we ran,we sat,1\n")
    assert describe(path) == {
        "kind": "examples",
        "read for": "multiple-choice",
        "rows": 2,
        "choices per row": {"2": 2},
        "median words": 3,
        "most words": 3,
    }


@pytest.mark.parametrize(
    ("name", "content", "fits"),
    [
        ("a.jsonl", '{"source": ["We left.", "We came."], "source_labels": [1, 0], "target": ["Left."]}',
         {"extractive-summarization", "seq2seq"}),
        ("b.csv", "text,summary\nWe left. We came.,Left.", {"extractive-summarization", "seq2seq"}),
        ("c.csv", "sentence1,sentence2,label\na,b,1\nc,d,0", {"text-classification", "sentence-embedding"}),
        ("d.csv", "sentence1,sentence2,label\na,b,yes", {"text-classification"}),
    ],
)  # fmt: skip
def test_every_task_that_a_file_fits_is_named(tmp_path, name, content, fits):
    (tmp_path / name).write_text(f"{content}\n", encoding="utf-8")
    facts = describe(tmp_path / name)
    assert {facts["read for"], *facts.get("also fits", [])} == fits


def test_every_kind_is_tested():
    assert {*KINDS, *ELSEWHERE} == {*FOLDERS, *FILES}


@pytest.mark.parametrize("kind", KINDS)
def test_facts_are_plain_values_and_true(paths, kind):
    facts = describe(paths[kind])
    assert json.loads(json.dumps(facts)) == facts
    assert {name: facts[name] for name in KINDS[kind]} == KINDS[kind]
    if "megabytes" in facts:
        path = paths[kind]
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert facts["megabytes"] == pytest.approx(sum(file.stat().st_size for file in files) / 1e6, abs=1e-3)


@pytest.mark.parametrize("kind", ["config.json", ".safetensors"])
def test_parameters_are_counted(paths, kind):
    stored = load_file(paths[".safetensors"])
    facts = describe(paths[kind])
    assert (facts["tensors"], facts["parameters"]) == (len(stored), sum(tensor.size for tensor in stored.values()))


def test_a_model_says_what_task_it_has(paths, tiny_bert):
    assert describe(paths["config.json"])["labels"] == ["negative", "positive"]
    assert describe(paths["config.json"])["heads of tasks"] == ["pooler", "classifier"]
    plain = describe(tiny_bert)
    assert plain["heads of tasks"] == ["pooler"]
    assert "labels" not in plain


def test_a_file_says_what_it_is_apart_from_its_bundle(paths, tiny_bundle):
    """Task, labels, length and the hash of the vocabulary, which must be that of the file beside it."""
    checksum = describe_json(tiny_bundle)["checksums"]["vocab.txt"]
    about = {
        "task": "text-classification",
        "labels": ["negative", "positive"],
        "max_length": 32,
        "vocabulary_sha256": checksum,
    }
    assert describe(paths[".tflite"])["about"] == about
    found = describe(paths[".onnx"])["about"]
    assert {name: x if name in ("task", "vocabulary_sha256") else json.loads(x) for name, x in found.items()} == about


def describe_json(bundle):
    return json.loads((bundle / "kerasbert.json").read_text(encoding="utf-8"))


def test_a_bundle_and_its_parts_name_their_inputs(paths):
    names = {"input_ids", "attention_mask", "token_type_ids"}
    assert set(describe(paths["kerasbert.json"])["inputs"]) == names
    assert describe(paths[".onnx"])["inputs"] == {name: ["batch", "sequence"] for name in names}
    signatures = describe(paths["saved_model.pb"])["signatures"]
    assert set(signatures) == {"predict", "classify", "classify_pair", "serving_default"}
    assert signatures["predict"] == {"inputs": sorted(names), "outputs": ["logits", "scores"]}
    assert signatures["classify_pair"]["inputs"] == ["text", "text_pair"]


@pytest.mark.parametrize("kind", [".tflite", ".onnx", ".safetensors", "saved_model.pb"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff garbage \x12", None], ids=["empty", "garbage", "cut short"])
def test_a_file_that_is_not_whole_is_named(paths, kind, content, tmp_path):
    path = paths[kind] / kind if kind == "saved_model.pb" else paths[kind]
    broken = tmp_path / (path.name if kind == "saved_model.pb" else f"broken{kind}")
    broken.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(KerasBertError, match=r"not a whole|without operations"):
        describe(tmp_path if kind == "saved_model.pb" else broken)


def test_a_bundle_that_is_not_whole_is_named(tiny_bundle, tmp_path):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (bundle / "kerasbert.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"kerasbert.json: no key 'version'; export again"):
        describe(bundle)


def test_what_it_does_not_know_is_said(tmp_path):
    with pytest.raises(KerasBertError, match=r"nowhere: no such file or folder$"):
        describe(tmp_path / "nowhere")
    with pytest.raises(
        KerasBertError,
        match=r"nothing that kerasbert knows; it inspects a checkpoint, or a folder with .*kerasbert.json",
    ):
        describe(tmp_path)
    (tmp_path / "notes.txt").write_text("a note")
    with pytest.raises(
        KerasBertError, match=r"notes.txt: nothing that kerasbert knows; it inspects a file of .tflite, "
    ):
        describe(tmp_path / "notes.txt")


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_a_line_a_fact(run, paths, kind):
    result = run("inspect", paths[kind])
    assert result.exit_code == 0, result.output
    facts = describe(paths[kind])
    assert [line.split("  ")[0].rstrip() for line in result.stdout.splitlines()] == list(facts)
    assert json.loads(run("inspect", paths[kind], "--json").stdout) == facts
