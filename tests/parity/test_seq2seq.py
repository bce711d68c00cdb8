"""Seq2Seq's logits and texts against those that `record_seq2seq.py` recorded, and the folders that are written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kerasbert import BertEncoder, Seq2Seq
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.loading import GENERATION
from kerasbert.tasks.generating import write

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
NAMES = ("seq2seq_bert", "seq2seq_roberta")


@pytest.fixture(params=NAMES)
def opened(request):
    """The folder's name, its model, the recorded arrays and the batch."""
    model = Seq2Seq.from_pretrained(str(FIXTURES / request.param), max_length=16)
    arrays = dict(np.load(FIXTURES / f"{request.param}.npz"))
    arrays["token_type_ids"] = np.zeros_like(arrays["input_ids"])
    return request.param, model, arrays, {name: arrays[name] for name in model.input}


def test_logits_are_those_of_transformers_with_and_without_padding(opened):
    _, model, arrays, batch = opened
    np.testing.assert_allclose(model(batch, training=False), arrays["logits"], atol=1e-5)


@pytest.mark.parametrize("beams", [1, 4])
def test_texts_are_those_of_transformers(opened, beams):
    _, model, arrays, batch = opened
    settings = type(model.settings)(
        max_length=16,
        max_new_tokens=12,
        num_beams=beams,
        decoder_start_token_id=model.settings.decoder_start_token_id,
        eos_token_id=model.settings.eos_token_id,
    )
    found = write(model.runs(), batch, settings)
    for row, wanted in zip(found["sequences"], arrays[f"sequences_{beams}"], strict=True):
        np.testing.assert_array_equal(row[0], wanted[1 : len(row[0]) + 1])
        assert set(wanted[len(row[0]) + 1 :]) <= {model.config.pad_token_id}
    if beams > 1:
        np.testing.assert_allclose([x[0] for x in found["scores"]], arrays[f"scores_{beams}"], atol=1e-4)


def test_a_folder_is_written_tensor_by_tensor_as_it_was_read(opened, tmp_path):
    name, model, _, _ = opened
    model.save_pretrained(tmp_path)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path, FIXTURES / name))
    assert theirs.keys() == ours.keys()
    for each, value in ours.items():
        np.testing.assert_array_equal(value, theirs[each])


def test_transformers_is_told_how_texts_are_written_and_tells_it(opened, tmp_path):
    _, model, _, _ = opened
    model.settings = replace(model.settings, max_new_tokens=12, num_beams=3, length_penalty=0.5, no_repeat_ngram_size=2)
    model.save_pretrained(tmp_path / "saved")
    told = json.loads((tmp_path / "saved" / GENERATION).read_text())
    assert told["pad_token_id"] == model.config.pad_token_id
    assert told["max_new_tokens"] == 12
    assert "tokenizer.batch_decode(model.generate(**tokenizer(" in (tmp_path / "saved" / "README.md").read_text()
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    (tmp_path / "saved" / "config.json").write_text(json.dumps({**config, "kerasbert": {"task": "seq2seq"}}))
    convert(tmp_path / "saved", tmp_path / "converted", to="hf")
    again = Seq2Seq.from_pretrained(str(tmp_path / "converted"), max_length=16)
    assert again.settings == model.settings


def test_its_encoder_can_be_read_alone(opened):
    name, model, _, batch = opened
    encoder = BertEncoder.from_pretrained(str(FIXTURES / name))
    batch = {each: batch[each] for each in encoder.input}
    states = encoder(batch, training=False)["sequence_output"]
    np.testing.assert_array_equal(states, model.encoder(batch, training=False)["sequence_output"])
