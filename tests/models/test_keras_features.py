"""Keras's own features that change weights: LoRA is merged when a model is saved, quantization is refused."""

import numpy as np
import pytest

from kerasbert import BertEncoder, TextClassifier
from kerasbert.errors import ConfigError
from kerasbert.models.pretraining import PretrainingModel


def test_lora_is_merged_when_a_model_is_saved(tiny_bert, tmp_path):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["a", "b"], max_length=16)
    dense = [model.encoder.blocks[0].attention.query, model.encoder.blocks[1].intermediate]
    for layer in dense:
        layer.enable_lora(4)
        layer.lora_kernel_b.assign(np.random.default_rng(0).normal(0, 1, layer.lora_kernel_b.shape))
    wanted = model.predict_logits(["the film is good"])
    for layer in dense:
        assert abs(layer.kernel - layer._kernel).numpy().max() > 1e-3
    model.save_pretrained(tmp_path / "saved")
    again = TextClassifier.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_logits(["the film is good"]), wanted, atol=1e-5)
    np.testing.assert_array_equal(again.encoder.blocks[0].attention.query.kernel, dense[0].kernel)


@pytest.mark.parametrize(
    "make",
    [
        BertEncoder.from_pretrained,
        PretrainingModel.from_pretrained,
        lambda folder: TextClassifier.from_pretrained(folder, labels=["a", "b"]),
    ],
)
def test_quantize_is_refused_with_the_way(tiny_bert, make):
    with pytest.raises(ConfigError, match=r"quantize would change nothing.*quantize=\[\"int8\"\]"):
        make(tiny_bert).quantize("int8")
