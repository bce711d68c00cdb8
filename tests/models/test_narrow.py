"""Narrow tables made from wide ones."""

import dataclasses

import numpy as np
import pytest

from kerasbert import BertConfig, BertEncoder
from kerasbert.errors import ConfigError
from kerasbert.models.narrow import narrowed
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.tokenizers import WordPieceTokenizer

CONFIG = BertConfig.from_size("tiny", vocab_size=30, hidden_size=16, num_attention_heads=2, intermediate_size=24)
IDS = np.random.default_rng(0).integers(1, 30, (3, 7)).astype("int32")
INPUTS = {"input_ids": IDS, "attention_mask": np.ones_like(IDS), "token_type_ids": IDS % 2}


def encoder_of_rank(rank: int, tokenizer=None) -> BertEncoder:
    """An encoder whose tables hold vectors of a subspace, with a norm that does something."""
    draw, encoder = np.random.default_rng(3), BertEncoder(CONFIG, tokenizer=tokenizer)
    axes = draw.normal(size=(rank, CONFIG.hidden_size))
    embeddings = encoder.embeddings
    for table in (embeddings.word_table, embeddings.position_table, embeddings.type_table):
        table.assign(draw.normal(size=(table.shape[0], rank)) @ axes + draw.normal(size=(table.shape[0], 1)))
    embeddings.norm.set_weights([draw.normal(1, 0.3, CONFIG.hidden_size), draw.normal(size=CONFIG.hidden_size)])
    return encoder


def test_what_fits_into_the_narrow_tables_is_kept():
    """Embeddings of 5 dimensions, and a mean that LayerNorm takes away, fit into 6."""
    wide = encoder_of_rank(5)
    narrow = narrowed(wide, 6)
    assert narrow.config == dataclasses.replace(CONFIG, model_type="electra", embedding_size=6)
    assert narrow.embeddings.word_table.shape == (30, 6)
    np.testing.assert_allclose(narrow(INPUTS)["sequence_output"], wide(INPUTS)["sequence_output"], atol=2e-5)


def test_tokens_that_no_text_has_take_no_room():
    """Special tokens and rows that are kept free come first in a vocabulary, and are not its most frequent tokens."""
    special = ["[PAD]", "[unused0]", "[unused1]", "[unused2]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*special, *"abcdefghijklmnopqrstuv"])
    wide, no_text = encoder_of_rank(5, tokenizer), [0, 1, 2, 3, 4, 7]
    words = np.array(wide.embeddings.word_table)
    words[no_text] = 100 * np.random.default_rng(4).normal(size=(6, 16))
    wide.embeddings.word_table.assign(words)
    inputs = {**INPUTS, "input_ids": np.where(np.isin(IDS, no_text), 5, IDS)}
    found = narrowed(wide, 6)(inputs)["sequence_output"]
    np.testing.assert_allclose(found, wide(inputs)["sequence_output"], atol=2e-5)


def test_less_width_loses_more():
    wide = encoder_of_rank(16)
    right = np.asarray(wide(INPUTS)["sequence_output"])
    lost = [np.abs(np.asarray(narrowed(wide, size)(INPUTS)["sequence_output"]) - right).mean() for size in (4, 10, 15)]
    assert lost[0] > lost[1] > lost[2] > 1e-4


def test_a_narrow_encoder_is_saved_and_learns_as_any_other(tmp_path):
    narrow = narrowed(encoder_of_rank(16), 8)
    narrow.save_pretrained(tmp_path / "narrow")
    again = BertEncoder.from_pretrained(tmp_path / "narrow")
    np.testing.assert_array_equal(again(INPUTS)["sequence_output"], narrow(INPUTS)["sequence_output"])


def test_pretraining_reads_the_narrow_table_with_the_linear_layer():
    """The step computes logits its own way; the graph of the model is another one."""
    model = PretrainingModel(narrowed(encoder_of_rank(16), 8))
    words = {"mlm_positions": np.array([[1, 2], [0, 4], [3, 5]]), "mlm_ids": np.array([[3, 4], [5, 6], [7, 8]])}
    logits = np.asarray(model({**INPUTS, "mlm_positions": words["mlm_positions"]})["mlm_logits"], np.float64)
    right = np.take_along_axis(logits, words["mlm_ids"][..., None], axis=-1)[..., 0]
    wanted = np.sum(np.log(np.exp(logits).sum(axis=-1)) - right)
    batch = {name: x.astype("int32") for name, x in {**INPUTS, **words}.items()}
    sums = model.sums_of({**batch, "mlm_weights": np.ones((3, 2), "float32")})
    np.testing.assert_allclose(sums["mlm"]["loss"], wanted, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 16, 2.0, True])
def test_other_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="use a whole number from 2 to 15"):
        narrowed(encoder_of_rank(5), size)


def test_other_families_are_refused():
    with pytest.raises(ConfigError, match="model_type is 'distilbert': only the tables of bert can be narrowed"):
        narrowed(BertEncoder(BertConfig.from_size("tiny", model_type="distilbert", vocab_size=30)), 8)
