"""Feed-forward layers with fewer neurons: those that do nothing go first, and the answers stay."""

import numpy as np
import pytest
from conftest import small_vocabulary
from families import sizes_for, tokenizer_of

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES
from kerasbert.models.thin import thinned

IDLE = [0, 3, 7]
"""Neurons that write nothing."""


def with_idle_neurons(family: str, folder):
    tokenizer = tokenizer_of(family, small_vocabulary())
    config = kb.BertConfig(**{**sizes_for(tokenizer, 32), "model_type": family, "num_hidden_layers": 2})
    encoder = kb.BertEncoder(config, tokenizer=tokenizer)
    for block in encoder.blocks:
        kernel = np.array(block.output_dense.kernel)
        kernel[IDLE] = 0
        block.output_dense.kernel.assign(kernel)
    kb.TextClassifier(encoder, labels=["a", "b"]).save_pretrained(folder)
    return open_checkpoint(folder)


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if not family.static])
def test_neurons_that_write_nothing_go_first(family, tmp_path):
    teacher = with_idle_neurons(family, tmp_path / "teacher")
    size = teacher.config.intermediate_size - len(IDLE)
    student = kb.TextClassifier.from_pretrained(thinned(teacher, size))
    assert student.config.intermediate_size == size
    texts = ["a calm sea", "still water"]
    expected = kb.TextClassifier.from_pretrained(teacher).predict_logits(texts)
    np.testing.assert_allclose(student.predict_logits(texts), expected, atol=1e-5)


@pytest.mark.parametrize("size", [0, 10**6, 2.5, True])
def test_sizes_that_are_none(size, tmp_path):
    teacher = with_idle_neurons("bert", tmp_path / "teacher")
    with pytest.raises(ConfigError, match=r"intermediate_size is .*: use a whole number from 1 to"):
        thinned(teacher, size)
