"""The next-sentence scorer in Keras: heads of transformers and of pre-training, and learning."""

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints.head_classes import make_folder
from conftest import BAD, GOOD

from kerasbert import BertConfig, BertEncoder, NextSentenceScorer
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError
from kerasbert.models.opening import open_model
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.training.optimizers import AdamW

RECORDED = json.loads((Path(__file__).parent / "choices.json").read_text("utf-8"))
LABELS = ["is_next", "not_next"]


@pytest.mark.parametrize("name", ["BertForNextSentencePrediction", "BertForPreTraining"])
def test_logits_are_those_of_transformers(name, tmp_path):
    model = NextSentenceScorer.from_pretrained(make_folder(tmp_path / "model", name))
    inputs = {key: np.array(value, "int32") for key, value in RECORDED[name]["inputs"].items()}
    np.testing.assert_allclose(model(inputs), RECORDED[name]["logits"], atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    checkpoint = open_checkpoint(tmp_path / "saved")
    assert (checkpoint.architecture, checkpoint.task) == ("BertForNextSentencePrediction", "next-sentence")
    np.testing.assert_array_equal(open_model(str(tmp_path / "saved"))(inputs), model(inputs))


def test_the_head_of_pre_training_answers_and_label_0_means_that_the_second_text_follows(tiny_bert, tmp_path):
    trained = PretrainingModel.from_pretrained(tiny_bert, nsp=True)
    trained.save_pretrained(tmp_path / "trained")
    model = NextSentenceScorer.from_pretrained(tmp_path / "trained")
    texts, pairs = ["a lovely film", "the room"], ["it was good", "two lost hours and a book"]
    batch = model.tokenizer(texts, pairs)
    logits = trained({**batch, "mlm_positions": np.zeros((2, 1), "int32")})["nsp_logits"]
    np.testing.assert_allclose(model.predict_outputs(texts, pairs)["logits"], logits, atol=1e-6)
    answers = model.predict_text(texts, pairs)
    assert [each["label"] for each in answers] == [LABELS[number] for number in np.argmax(logits, 1)]


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_a_family_without_the_head_is_refused(family, tmp_path):
    config = BertConfig.from_size("tiny", model_type=family, vocab_size=40, num_hidden_layers=1)
    BertEncoder(config).save_pretrained(tmp_path / "model")
    said = rf"^{family} has no next-sentence head: use text-classification, which takes pairs too$"
    with pytest.raises(ConfigError, match=said):
        NextSentenceScorer.from_pretrained(tmp_path / "model")


def test_it_learns_pairs_without_error(tiny_bert, tmp_path):
    """Praise follows praise. The file's labels are names or numbers, 0 for a text that follows."""
    model = NextSentenceScorer.from_pretrained(tiny_bert, max_length=16)
    firsts = [f"it was {(GOOD, BAD)[index % 2][index % 10]}" for index in range(120)]
    seconds = [f"so {(GOOD, BAD)[index // 2 % 2][index * 3 % 10]}" for index in range(120)]
    follows = [index % 2 == index // 2 % 2 for index in range(120)]
    lines = [
        json.dumps({"text": first, "text_pair": second, "label": LABELS[not right] if index % 3 else int(not right)})
        for index, (first, second, right) in enumerate(zip(firsts, seconds, follows, strict=True))
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines), "utf-8")
    model.compile(AdamW(3e-3))
    model.fit(model.dataset(tmp_path / "pairs.jsonl", batch_size=12), epochs=8, verbose=0)
    assert [each["label"] == "is_next" for each in model.predict_text(firsts, seconds)] == follows
