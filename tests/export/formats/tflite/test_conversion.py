"""Conversion in a process of its own, which large models get."""

import pytest
import tensorflow as tf

from kerasbert.errors import ExportError
from kerasbert.export.formats.tflite import conversion, converter
from kerasbert.export.formats.tflite.converter import converted


def module_and_signatures(compute):
    module = tf.Module()
    module.weights = [tf.Variable(tf.ones((3, 4)))]
    x = tf.TensorSpec((1, 3), tf.float32, name="x")
    function = tf.function(lambda x: {"y": compute(x, module.weights[0])}, autograph=False, input_signature=[x])
    return module, {"serving_default": function}


@pytest.mark.parametrize("quantize", ["none", "float16"])
def test_a_large_model_is_converted_apart_to_the_same_bytes(tmp_path, monkeypatch, quantize):
    given = (*module_and_signatures(tf.matmul), {tmp_path / "m.tflite": quantize})
    ((_, here),) = converted(*given)
    monkeypatch.setattr(converter, "LARGE", 11)
    monkeypatch.setattr(converter, "content_of", None)
    ((path, apart),) = converted(*given)
    assert apart == here
    assert list(tmp_path.iterdir()) == []
    assert path == tmp_path / "m.tflite"


def test_what_the_process_says_of_a_model_is_the_error(tmp_path, monkeypatch):
    monkeypatch.setattr(converter, "LARGE", 11)
    module, signatures = module_and_signatures(lambda x, w: tf.linalg.svd(tf.matmul(x, w))[0])
    with pytest.raises(ExportError, match=r"m\.tflite: TFLite cannot express this model \(no tf\.Svd\)"):
        next(converted(module, signatures, {tmp_path / "m.tflite": "none"}))
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_early_is_an_error(monkeypatch):
    monkeypatch.setattr(conversion.sys, "executable", "/bin/false")
    with pytest.raises(ExportError, match="the process that converts to TFLite ended with exit code 1"):
        conversion.content_apart(conversion.Order("nowhere", ["serving_default"], "none"))
