"""The encoder that comes with the package, and what is read where no checkpoint is named."""

import logging
from pathlib import Path

import numpy as np
import pytest
from keras import ops

import kerasbert as kb
from kerasbert.layers.heads import MeanPooling
from kerasbert.presets import default_checkpoint
from kerasbert.runs.finetune import finetune

FOLDER = default_checkpoint()


@pytest.fixture(scope="module")
def encoder():
    return kb.BertEncoder.from_pretrained()


@pytest.fixture(scope="module")
def masked_words():
    return kb.PretrainingModel.from_pretrained()


def cosines(encoder, texts: list[str]) -> np.ndarray:
    """Of each text with each, by the means of their vectors."""
    batch = encoder.tokenizer(texts)
    vectors = ops.normalize(MeanPooling()(encoder(batch)["sequence_output"], batch["attention_mask"]))
    return ops.convert_to_numpy(ops.matmul(vectors, ops.transpose(vectors)))


def test_it_is_small_and_says_what_it_is():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 12_000_000
    card = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    for word in ("public domain", "all-MiniLM-L6-v2", "Apache-2.0", "tokens", "seeds"):
        assert word in card


def test_its_words_are_the_rows_of_its_table(encoder):
    assert encoder.tokenizer.vocab_size == encoder.config.vocab_size == encoder.embeddings.word_table.shape[0]
    ids = encoder.tokenizer(["A lovely film, unforgettable."])["input_ids"][0]
    assert encoder.tokenizer.decode(ids) == "a lovely film, unforgettable."


def test_every_model_opens_it_without_a_name_and_with_all_that_it_has(caplog):
    with caplog.at_level(logging.WARNING, logger="kerasbert"):
        kb.PretrainingModel.from_pretrained()
    assert not caplog.records  # the head of masked words is there: nothing is new
    with caplog.at_level(logging.WARNING, logger="kerasbert"):
        model = kb.TextClassifier.from_pretrained(labels=["bad", "good"])
    assert [record.message for record in caplog.records] == [
        f"{FOLDER}: new, not from the checkpoint: classifier; left unused: mlm of fill-mask (BertForMaskedLM)"
    ]
    assert model.settings.pooling == "mean"


def test_a_classifier_without_labels_is_refused():
    with pytest.raises(kb.errors.CheckpointError, match="has no classifier"):
        kb.TextClassifier.from_pretrained()


def test_sentences_that_mean_alike_are_nearer_than_others(encoder):
    pairs = [
        ("The ship sank in the storm.", "A vessel was lost at sea in bad weather."),
        ("She was very happy to see him.", "Meeting him again filled her with joy."),
        ("He was ill and stayed in bed.", "The doctor said the patient must rest."),
        ("They ate bread and cheese for dinner.", "The meal was a simple one, with wine."),
    ]
    near = cosines(encoder, [text for pair in pairs for text in pair])[::2, 1::2]
    assert (near.argmax(axis=0) == np.arange(len(pairs))).all()
    assert (near.argmax(axis=1) == np.arange(len(pairs))).all()


@pytest.mark.parametrize(
    ("text", "fits", "does_not"),
    [
        ("He opened the [MASK] and went out of the room.", "door", "sea"),
        ("She could not believe [MASK] own eyes.", "her", "the"),
        ("The sailors went on board the [MASK].", "ship", "king"),
    ],
)
def test_of_two_words_it_finds_the_one_that_fits_likelier(masked_words, text, fits, does_not):
    inputs = masked_words.tokenizer([text])
    where = np.argwhere(inputs["input_ids"] == masked_words.tokenizer.id_of("mask"))[:, 1:]
    logits = ops.convert_to_numpy(masked_words({**inputs, "mlm_positions": where})["mlm_logits"])[0, 0]
    word = masked_words.tokenizer.vocabulary.index
    assert logits[word(fits)] > logits[word(does_not)]


def test_it_is_fine_tuned_at_a_small_models_rate():
    model = kb.TextClassifier.from_pretrained(labels=["bad", "good"])
    model.compile()
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-4)


@pytest.mark.slow
def test_fine_tuned_on_the_sample_it_knows_good_from_bad(tmp_path):
    samples = Path(kb.__file__).parent / "samples"
    recipe = {"epochs": 2, "batch_size": 16, "max_length": 32}
    train, dev = samples / "sentiment_train.csv", samples / "sentiment_dev.csv"
    figures = finetune("text-classification", train, tmp_path / "model", dev=dev, **recipe)
    assert figures["val_accuracy"] > 0.7
