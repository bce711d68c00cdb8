"""What commands that run model files leave on the terminal: nothing of the libraries, in a process of their own."""

import os
import shutil
import subprocess
import sys

import pytest
from edits import rewrite

TEXT = "the film was lovely"


def alone(*words) -> subprocess.CompletedProcess:
    """A command as a user calls it, without variables that would make TensorFlow quiet."""
    environment = {name: value for name, value in os.environ.items() if "LOG_LEVEL" not in name}
    command = [sys.executable, "-m", "kerasbert.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def only(bundle, copied, names):
    """A bundle with some of the files of another."""
    shutil.copytree(bundle, copied, ignore=shutil.ignore_patterns("saved_model"))
    rewrite(copied, lambda values: values.update(files={name: values["files"][name] for name in names}))
    return copied


@pytest.fixture
def labelled(file):
    return file("test.csv", f"text,label\n{TEXT},positive\nthe hotel was rude,negative\n")


@pytest.mark.parametrize("name", ["tflite", "tflite-int8"])
def test_predict_leaves_the_terminal_clean(tiny_bundle, tmp_path, name):
    done = alone("predict", only(tiny_bundle, tmp_path / "bundle", [name]), TEXT)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"label": "positive"' in done.stdout


def test_evaluate_leaves_the_terminal_clean(tiny_bundle, tmp_path, labelled):
    done = alone("evaluate", only(tiny_bundle, tmp_path / "bundle", ["tflite"]), "--data", labelled)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "accuracy   1.0000"


def test_verify_says_its_own_steps_only(tiny_bundle, tmp_path, labelled):
    done = alone("verify", only(tiny_bundle, tmp_path / "bundle", ["tflite", "onnx"]), "--data", labelled)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "checking tflite ...\nchecking onnx ...\n"


@pytest.mark.slow
def test_verify_of_files_that_need_tensorflow_says_its_own_steps_only(tiny_classifier, tmp_path):
    from kerasbert import TextClassifier
    from kerasbert.export import export_bundle

    export_bundle(TextClassifier.from_pretrained(tiny_classifier), tmp_path / "bundle", formats="tflite-text")
    done = alone("verify", tmp_path / "bundle")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "checking tflite-text ...\nchecking tflite-text-int8 ...\n"
