"""A bundle opened without TensorFlow, and asked all sorts of things."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasbert import tokenizers
from kerasbert.errors import BundleError, KerasBertError, TokenizerError
from kerasbert.runtime import Pipeline, load
from kerasbert.runtime.manifest import NAME, VERSION, Manifest

FILES = ("tflite", "onnx", "tflite-int8")
PYTHON = (sys.executable, "-W", "error")
ROBERTA = Path(__file__).parents[1] / "parity" / "fixtures" / "roberta"


@pytest.fixture(params=FILES)
def classify(request, tiny_bundle):
    return load(tiny_bundle, file=request.param)


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle of one's own."""
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


def change(bundle, **values) -> None:
    written = json.loads((bundle / NAME).read_text(encoding="utf-8"))
    (bundle / NAME).write_text(json.dumps({**written, **values}), encoding="utf-8")


def alone(code: str, *arguments, folder) -> subprocess.CompletedProcess:
    """The code in a process of its own, somewhere else."""
    return subprocess.run([*PYTHON, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", FILES)
def test_neither_tensorflow_nor_keras_is_imported(tiny_bundle, tmp_path, file):
    code = """if True:
        import sys
        from kerasbert.runtime import load
        print(load(sys.argv[1], file=sys.argv[2])("the film was lovely")["label"])
        strangers = ("tensorflow", "tensorflow_text", "keras", "jax", "torch", "tf2onnx", "onnx")
        print(sorted(name for name in sys.modules if name.split(".")[0] in strangers))
        print(sorted(name for name in sys.modules if name in ("ai_edge_litert", "onnxruntime")))
    """
    done = alone(code, tiny_bundle, file, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    engine = "onnxruntime" if file == "onnx" else "ai_edge_litert"
    assert done.stdout.splitlines() == ["positive", "[]", f"['{engine}']"]
    assert done.stderr == ""  # LiteRT's own lines are kept from the user's terminal


@pytest.mark.parametrize(("file", "package"), [("tflite", "ai-edge-litert"), ("onnx", "onnxruntime")])
def test_a_missing_interpreter_is_named(tiny_bundle, tmp_path, file, package):
    code = """if True:
        import sys
        sys.modules[sys.argv[3]] = None  # what an import finds then is no module
        from kerasbert.errors import MissingDependency
        from kerasbert.runtime import load
        try:
            load(sys.argv[1], file=sys.argv[2])
        except MissingDependency as error:
            print(error)
    """
    done = alone(code, tiny_bundle, file, package.replace("-", "_"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"model.{file}: needs the package {package} (" in done.stdout
    assert done.stdout.endswith(f"; pip install {package}\n")


def test_one_text_gives_one_answer_and_a_list_a_list(classify):
    one = classify("the film was lovely")
    assert one.keys() == {"label", "score"}
    assert one["label"] == "positive"
    answers = classify(["the film was lovely", "the hotel was rude", "the film was lovely"])
    assert [answer["label"] for answer in answers] == ["positive", "negative", "positive"]
    assert answers[0] == answers[2]
    assert answers[0]["score"] == pytest.approx(one["score"], abs=1e-6)
    assert classify(("the hotel was rude",)) == classify(["the hotel was rude"])
    assert classify(text for text in ["the hotel was rude"]) == classify(["the hotel was rude"])
    assert classify(np.array(["the hotel was rude"]).tolist()) == classify(["the hotel was rude"])


def test_pairs_come_as_two_arguments_or_as_tuples(classify):
    one = classify("the film", "was lovely")
    assert classify(["the film"], ["was lovely"])[0] == one
    assert classify([("the film", "was lovely")])[0] == one
    assert classify.predict_logits(["the film"], ["was lovely"]) != pytest.approx(
        classify.predict_logits(["the film was lovely"]), abs=1e-6
    )


def test_nothing_asked_is_nothing_answered(classify):
    assert classify([]) == []
    assert classify([], []) == []
    assert classify.predict_logits([]).shape == (0, 2)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0\1\x7f\u200b", "😀👍🏽🏳️‍🌈", "a\r\nb\tc", "\ud800", "x" * 1_000_000, "good " * 200_000, "电" * 300_000],
    ids=["empty", "space", "control", "emoji", "lines", "surrogate", "a word of 1 MB", "1 MB", "900 kB of Chinese"],
)
def test_any_text_gets_an_answer(classify, text):
    answer = classify(text)
    assert answer["label"] in ("negative", "positive")
    assert 0.5 <= answer["score"] <= 1.0
    assert classify([text, "good"])[0]["score"] == pytest.approx(answer["score"], abs=1e-5)


def test_answers_do_not_depend_on_the_batch(classify):
    texts = [" ".join(["the film was good"] * (index % 9)) for index in range(70)]
    wanted = classify.predict_logits(texts, batch_size=1)
    assert wanted.dtype == np.float32
    for batch_size in (2, 32, 100):
        np.testing.assert_allclose(classify.predict_logits(texts, batch_size=batch_size), wanted, atol=1e-5)


def test_a_string_is_never_taken_for_its_letters(classify):
    assert classify.predict_text("the film was lovely" * 5) == [classify("the film was lovely" * 5)]
    assert len(classify.predict_logits("the film", "was lovely")) == 1


@pytest.mark.parametrize("pairs", [[], ["one"], ["one"] * 40])
def test_as_many_second_texts_as_texts_are_wanted(classify, pairs):
    """32 texts are a batch: a surplus must not be lost behind it."""
    with pytest.raises(TokenizerError, match=rf"32 texts but {len(pairs)} pairs: each text needs one second text"):
        classify(["good"] * 32, pairs)


@pytest.mark.parametrize("wrong", [[None], [3], ["good", b"good"], [["good", "bad"]]])
def test_what_is_no_text_is_named(classify, wrong):
    with pytest.raises(TokenizerError, match=r"texts\[\d\] is .*, not a string"):
        classify(wrong)


def test_threads_do_not_change_answers(tiny_bundle):
    for file in FILES:
        one, four = (load(tiny_bundle, file=file, threads=threads) for threads in (1, 4))
        np.testing.assert_allclose(one.predict_logits(["good"]), four.predict_logits(["good"]), atol=1e-6)


def test_the_first_file_of_the_manifest_is_taken(copy):
    (copy / "model.onnx").unlink()
    assert load(copy)("good") == load(copy, file="tflite")("good")
    with pytest.raises(BundleError, match=r"copy/model.onnx: missing, though kerasbert.json lists it"):
        load(copy, file="onnx")


def test_vocabulary_and_manifest_are_all_that_a_file_needs(copy, tmp_path):
    """The options stand in kerasbert.json: without tokenizer.json nothing is guessed from the vocabulary."""
    wanted = load(copy)("Good Film É")
    device = tmp_path / "device"
    device.mkdir()
    for name in (NAME, "vocab.txt", "model.tflite"):
        shutil.copy(copy / name, device)
    assert load(device)("Good Film É") == wanted
    tokenizer = json.loads((device / NAME).read_text(encoding="utf-8"))["tokenizer"]
    change(device, tokenizer={**tokenizer, "do_lower_case": False})
    assert load(device).tokenizer(["Good"])["input_ids"][0].tolist() == [2, 1, 3]  # [CLS] [UNK] [SEP]


def test_an_unknown_file_is_named_with_those_there_are(tiny_bundle):
    with pytest.raises(
        BundleError, match=r"bundle: holds no 'coreml'; it has tflite, onnx, tflite-int8, onnx-int8, saved_"
    ):
        load(tiny_bundle, file="coreml")
    with pytest.raises(BundleError, match=r"bundle: holds no ''; it has"):
        load(tiny_bundle, file="")


def test_a_saved_model_needs_tensorflow(copy):
    with pytest.raises(BundleError, match=r"saved_model: the runtime runs .tflite and .onnx files; this one needs Ten"):
        load(copy, file="saved_model")
    files = json.loads((copy / NAME).read_text(encoding="utf-8"))["files"]
    change(copy, files={"saved_model": files["saved_model"]})
    with pytest.raises(BundleError, match=r"copy: holds no .tflite or .onnx file; export one of these for the runtime"):
        load(copy)


def test_a_later_version_asks_for_an_update(copy):
    change(copy, version=VERSION + 1, something="new")
    with pytest.raises(
        BundleError, match=rf"kerasbert.json: written by a later kerasbert \(version {VERSION + 1}\); update this one"
    ):
        load(copy)


def test_no_bundle_is_named(tmp_path, tiny_classifier):
    for folder in (tmp_path, tmp_path / "nowhere", tiny_classifier):
        with pytest.raises(BundleError, match=rf"{folder}: no kerasbert.json, so no bundle; make one with `kerasbert"):
            load(folder)


def test_another_vocabulary_is_refused(copy):
    pieces = (copy / "vocab.txt").read_text(encoding="utf-8")
    (copy / "vocab.txt").write_text(pieces.replace("\nfilm\n", "\nfilms\n"), encoding="utf-8")
    with pytest.raises(
        BundleError, match=r"vocab.txt: its bytes are not the ones that were written; export or copy it"
    ):
        load(copy)
    (copy / "vocab.txt").unlink()
    with pytest.raises(KerasBertError, match=r"vocab.txt does not exist"):
        load(copy)


@pytest.mark.parametrize("file", ["tflite", "onnx"])
def test_a_file_that_is_not_whole_is_named(copy, file):
    path = copy / f"model.{file}"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=rf"model.{file}: \d+ bytes, but {len(content)} were written"):
        load(copy, file=file)
    path.write_bytes(bytes(len(content)))
    with pytest.raises(BundleError, match=rf"model.{file}: not a whole \w+ model \(.+\); export again"):
        load(copy, file=file)


def test_a_length_that_the_file_does_not_have_is_named(copy):
    change(copy, max_length=40)
    with pytest.raises(
        BundleError, match=r"model.tflite: takes 32 tokens a text; export again for a max_length beyond"
    ):
        load(copy)("good " * 100)
    assert load(copy)("the film was lovely")["label"] == "positive"


def test_a_model_with_segments_gets_them_from_a_tokenizer_that_has_none():
    """As a RoBERTa with two segments does: its tokenizer counts everything to the first."""
    values = {field.name: {} for field in dataclasses.fields(Manifest)}
    values |= {"labels": ["a", "b"], "max_length": 9, "inputs": ["input_ids", "token_type_ids"], "outputs": ["logits"]}
    values["problem_type"] = "single_label_classification"
    asked = []

    def run(batch):
        asked.append(batch)
        return {"logits": np.zeros((len(batch["input_ids"]), 2), "float32")}

    Pipeline(Manifest(**values), tokenizers.load(ROBERTA), run).predict_logits(["a dog"], ["a cat"])
    assert list(asked[0]) == ["input_ids", "token_type_ids"]
    assert asked[0]["token_type_ids"].tolist() == [[0] * 9]


def test_the_terminal_stays_clean(tiny_bundle, capfd):
    for file in FILES:
        load(tiny_bundle, file=file)("good")
    assert capfd.readouterr() == ("", "")
    os.write(2, b"errors of others still come through")
    assert capfd.readouterr().err == "errors of others still come through"


def test_an_output_that_the_bundle_does_not_have_is_one_clear_line(classify):
    with pytest.raises(BundleError, match=r"^this bundle has no embedding: a text_classifier gives logits$"):
        classify.encode(["a"])
