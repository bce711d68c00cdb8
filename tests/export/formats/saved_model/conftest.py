"""A small model that writes texts, and its SavedModel."""

import numpy as np
import pytest
from conftest import small_vocabulary
from families import small_encoder

from kerasbert import Seq2Seq
from kerasbert.export.formats.saved_model.file import write_saved_model
from kerasbert.tokenizers import WordPieceTokenizer


@pytest.fixture(scope="session")
def settings() -> dict:
    """Settings that a signature for texts obeys, but for the beams."""
    lengths = {"max_length": 16, "max_new_tokens": 12, "min_new_tokens": 2, "no_repeat_ngram_size": 2}
    return lengths | {"length_penalty": 0.8, "num_beams": 3}


@pytest.fixture(scope="session")
def writer(settings) -> Seq2Seq:
    """Some of its texts end and some do not."""
    encoder = small_encoder("bert", WordPieceTokenizer(small_vocabulary()), positions=40, pooler=False)
    model = Seq2Seq(encoder, **settings)
    bias = model.decoder.mlm.bias
    draw = np.random.default_rng(0).normal(size=bias.shape)
    bias.assign(draw + 5.0 * (np.arange(len(draw)) == model.settings.eos_token_id))
    return model


@pytest.fixture(scope="session")
def writer_folder(writer, tmp_path_factory):
    path = tmp_path_factory.mktemp("writer") / "saved_model"
    write_saved_model(writer, {path: "none"})
    return path
