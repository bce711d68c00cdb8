"""What opening a bundle needs, and what it refuses."""

import json
import shutil
import subprocess
import sys

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime import load
from kerasbert.runtime.manifest import NAME, Manifest

FILES = ("tflite", "onnx", "tflite-int8")
PRINTED = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
"""LiteRT's line, once in a process; it has no switch, and the runtime leaves file descriptors alone."""
PYTHON = (sys.executable, "-W", "error")


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
    assert done.stderr == ("" if file == "onnx" else PRINTED)


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


def test_the_first_file_of_the_manifest_is_taken(copy):
    (copy / "onnx/model.onnx").unlink()
    assert load(copy)("good") == load(copy, file="tflite")("good")
    with pytest.raises(BundleError, match=r"copy/onnx/model.onnx: missing, though kerasbert.json lists it"):
        load(copy, file="onnx")


def test_no_other_model_file_is_needed(copy, change, tmp_path):
    wanted = load(copy)("Good Film É")
    device = tmp_path / "device"
    device.mkdir()
    for name in (NAME, "model.tflite", *Manifest.read(copy).checksums):
        shutil.copy(copy / name, device)
    assert load(device)("Good Film É") == wanted
    tokenizer = json.loads((device / NAME).read_text(encoding="utf-8"))["tokenizer"]
    change(copy, tokenizer={**tokenizer, "do_lower_case": False})
    shutil.copy(copy / NAME, device)
    assert load(device).tokenizer(["Good"])["input_ids"][0].tolist() == [2, 1, 3]  # [CLS] [UNK] [SEP]


def test_an_unknown_file_is_named_with_those_there_are(tiny_bundle):
    with pytest.raises(BundleError, match=r"bundle: holds no 'coreml'; it has tflite, onnx, "):
        load(tiny_bundle, file="coreml")
    with pytest.raises(BundleError, match=r"bundle: holds no ''; it has"):
        load(tiny_bundle, file="")


def test_a_saved_model_needs_tensorflow(copy, change):
    with pytest.raises(
        BundleError, match=r"saved_model: the runtime does not run a saved_model file; it needs TensorFlow$"
    ):
        load(copy, file="saved_model")
    files = json.loads((copy / NAME).read_text(encoding="utf-8"))["files"]
    change(copy, files={"saved_model": files["saved_model"]})
    with pytest.raises(BundleError, match=r"copy: holds no .tflite or .onnx file; export one of these for the runtime"):
        load(copy)


def test_no_bundle_is_named(tmp_path, tiny_classifier):
    with pytest.raises(BundleError, match="nowhere: no such folder; name one that `kerasbert export` made"):
        load(tmp_path / "nowhere")
    for folder in (tmp_path, tiny_classifier):
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
    with pytest.raises(BundleError, match=r"vocab.txt: missing, though kerasbert.json lists it"):
        load(copy)


@pytest.mark.parametrize("file", ["tflite", "onnx"])
def test_a_file_that_is_not_whole_is_named(copy, file):
    path = copy / load(copy, file=file).manifest.files[file].path
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=rf"model.{file}: \d+ bytes, but {len(content)} were written"):
        load(copy, file=file)
    path.write_bytes(bytes(len(content)))
    with pytest.raises(BundleError, match=rf"model.{file}: its bytes are not the ones that were written"):
        load(copy, file=file)
    with pytest.raises(BundleError, match=rf"model.{file}: not a whole \w+ model \(.+\); export again"):
        load(copy, file=file, check=False)


def with_graphs(copy, edit) -> list:
    graphs = json.loads((copy / NAME).read_text(encoding="utf-8"))["graphs"]
    edit(graphs[0])
    return graphs


@pytest.mark.parametrize("file", ["tflite", "onnx", "tflite-int8"])
def test_a_file_of_other_inputs_or_outputs_is_named(copy, change, file):
    def fewer(graph):
        graph["inputs"] = [each for each in graph["inputs"] if each["name"] != "token_type_ids"]

    change(copy, graphs=with_graphs(copy, fewer))
    said = r"takes attention_mask, input_ids, token_type_ids, but kerasbert.json says attention_mask, input_ids; export"
    with pytest.raises(BundleError, match=said):
        load(copy, file=file)


@pytest.mark.parametrize("file", ["tflite", "onnx", "tflite-int8"])
def test_a_file_of_another_number_of_labels_is_named(copy, change, file):
    settings = json.loads((copy / NAME).read_text(encoding="utf-8"))["settings"]
    graphs = with_graphs(copy, lambda graph: graph["outputs"][0].update(width=3))
    change(copy, graphs=graphs, settings={**settings, "labels": ["a", "b", "c"]})
    with pytest.raises(BundleError, match=r"gives 2 numbers in logits, but kerasbert.json says 3; export again$"):
        load(copy, file=file)


def test_a_length_that_the_file_does_not_have_is_named(copy, change):
    settings = json.loads((copy / NAME).read_text(encoding="utf-8"))["settings"]
    change(copy, settings={**settings, "max_length": 40}, lengths=[40])
    said = r"model.tflite: takes 32 tokens per text, not 40; export again for a longer max_length$"
    with pytest.raises(BundleError, match=said):
        load(copy, file="tflite")("good " * 100)
    assert load(copy, file="tflite")("the film was lovely")["label"] == "positive"


def test_no_threads_is_an_error(tiny_bundle):
    with pytest.raises(BundleError, match=r"model.tflite: threads is 0: use 1 or more$"):
        load(tiny_bundle, file="tflite", threads=0)
