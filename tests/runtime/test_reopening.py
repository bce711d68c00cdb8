"""A bundle whose files are replaced while a process answers from it."""

import os
import shutil

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime import load
from kerasbert.runtime.reopening import reopening

TEXTS = ["the film was good and lovely and the hotel was rude", "bad"] * 60
SAID = r"^[^\n]*model\w*.(onnx|tflite): removed or replaced since it was opened; load the bundle again$"


def replaced(path):
    shutil.copy(path, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def touched(path):
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [replaced, touched, os.unlink])
@pytest.mark.parametrize(("file", "path"), [("onnx", "onnx/model.onnx"), ("tflite-int8", "model_int8.tflite")])
def test_old_and_new_weights_never_answer_side_by_side(copy, file, path, change):
    answer = load(copy, file=file, threads=2)
    wanted = answer(TEXTS[0])
    change(copy / path)
    for _ in range(2):  # the second attempt fails as the first one did
        with pytest.raises(BundleError, match=SAID):
            answer(TEXTS)
    assert answer(TEXTS[0]) == wanted


def test_what_is_open_already_answers_on(copy):
    """ONNX Runtime opens a file twice at most."""
    answer = load(copy, file="onnx", threads=2)
    wanted = answer(TEXTS)
    shutil.rmtree(copy)
    assert answer(TEXTS) == wanted


def test_a_file_that_is_replaced_while_it_is_opened_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    again = reopening(path, lambda: path.write_bytes(b"newer"))
    with pytest.raises(BundleError, match=SAID):
        again()


def test_a_file_that_stays_is_opened_again(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    assert reopening(path, lambda: path.read_bytes())() == b"old"
