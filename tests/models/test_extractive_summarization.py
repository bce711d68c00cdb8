"""The extractive summarizer in Keras: transformers' heads, the loss of sentences, forms of data, and learning."""

import json
import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from checkpoints.head_classes import make_folder
from conftest import BAD, GOOD, small_vocabulary
from safetensors.numpy import load_file, save_file

from kerasbert import BertConfig, BertEncoder, ExtractiveSummarizer, TokenClassifier
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.models.opening import open_model
from kerasbert.tasks.batches import NO_TOKEN
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.training.losses import PositionBinaryCrossentropy, best_position
from kerasbert.training.optimizers import AdamW

RECORDED = json.loads((Path(__file__).parent / "extracts.json").read_text("utf-8"))


def model_of(**settings) -> ExtractiveSummarizer:
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    sizes |= {"vocab_size": tokenizer.vocab_size, "max_position_embeddings": 64, "initializer_range": 0.1}
    encoder = BertEncoder(BertConfig.from_size("tiny", **sizes), tokenizer=tokenizer, pooler=False)
    return ExtractiveSummarizer(encoder, **{"top_k": 1, **settings})


def praise(count: int) -> tuple[list[list[str]], list[list[int]]]:
    """Sentences, of which only one is praise."""
    draw, sources, labels = random.Random(0), [], []
    for index in range(count):
        sentences = [f"the {noun} was {draw.choice(BAD)}." for noun in ("film", "room", "day", "book")][: 2 + index % 3]
        right = draw.randrange(len(sentences))
        sentences[right] = f"the staff was {draw.choice(GOOD)}."
        sources.append(sentences)
        labels.append([int(number == right) for number in range(len(sentences))])
    return sources, labels


@pytest.mark.parametrize("name", RECORDED)
def test_logits_are_those_of_transformers_token_classifiers_with_one_label(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    tensors = load_file(folder / "model.safetensors")
    tensors |= {each: tensors[each][:1] for each in ("classifier.weight", "classifier.bias")}
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    names = {"id2label": {"0": "summary"}, "label2id": {"summary": 0}}
    own = {"kerasbert": {"task": "extractive-summarization", "top_k": 2}}
    (folder / "config.json").write_text(json.dumps({**config, **names, **own}), "utf-8")

    model = open_model(folder)
    assert (type(model), model.settings.top_k) == (ExtractiveSummarizer, 2)
    inputs = {key: np.array(value, "int32") for key, value in RECORDED[name]["inputs"].items()}
    np.testing.assert_allclose(model(inputs), RECORDED[name]["logits"], atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    checkpoint = open_checkpoint(tmp_path / "saved")
    assert (checkpoint.architecture, checkpoint.task) == (name, "extractive-summarization")
    assert checkpoint.shapes == open_checkpoint(folder).shapes
    again = open_model(tmp_path / "saved")
    assert again.settings == model.settings
    np.testing.assert_array_equal(again(inputs), model(inputs))


def test_a_folder_of_transformers_with_that_class_tags_tokens(tmp_path, caplog):
    folder = make_folder(tmp_path / "model", "BertForTokenClassification")
    assert open_checkpoint(folder).task == "token-classification"
    assert isinstance(open_model(folder), TokenClassifier)
    ExtractiveSummarizer.from_pretrained(folder)
    assert "new, not from the checkpoint: classifier" in caplog.text


def test_the_loss_is_the_mean_cross_entropy_of_a_row_s_sentences():
    draw = np.random.default_rng(0)
    logits, right = draw.normal(size=(3, 6)).astype("float32"), draw.uniform(size=(3, 6)).astype("float32")
    asked = np.array([[1, 0, 0, 1, 0, 1], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    wanted = np.where(asked, right, NO_TOKEN).astype("float32")
    scores = 1 / (1 + np.exp(-logits.astype("float64")))
    losses = -(right * np.log(scores) + (1 - right) * np.log(1 - scores))
    by_hand = [losses[row][asked[row]].mean() if asked[row].any() else 0.0 for row in range(3)]
    np.testing.assert_allclose(PositionBinaryCrossentropy(reduction=None)(wanted, logits), by_hand, rtol=1e-5)
    loss = PositionBinaryCrossentropy(reduction="mean_with_sample_weight")
    weights = asked.sum(1).astype("float32")
    assert float(loss(wanted, logits, weights)) == pytest.approx(losses[asked].mean(), rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert (again.reduction, again.name) == (loss.reduction, loss.name)
    best = [
        np.argmax(np.where(a, z, -np.inf)) == np.argmax(np.where(a, y, -np.inf))
        for z, y, a in zip(logits, right, asked, strict=True)
    ]
    np.testing.assert_array_equal(best_position(wanted, logits)[:2], best[:2])


def test_lists_of_sentences_texts_and_data_sets_are_the_same():
    model = model_of(soft_targets=False)
    model.compile()
    sources, labels = praise(6)
    texts = [" ".join(each) for each in sources]
    wanted = model.evaluate(sources, labels, verbose=0)
    assert model.evaluate(sources, [{"source_labels": each} for each in labels], verbose=0) == pytest.approx(wanted)
    capitals = [f"{text[0].upper()}{text[1:]}".replace(". t", ". T") for text in texts]
    assert model.evaluate(capitals, labels, verbose=0) == pytest.approx(wanted)
    summaries = [each[right.index(1)] for each, right in zip(sources, labels, strict=True)]
    assert model.evaluate(sources, summaries, verbose=0) == pytest.approx(wanted)
    data = tf.data.Dataset.from_tensor_slices((tf.constant(capitals), tf.constant(summaries)))
    assert model.evaluate(data.batch(6), verbose=0) == pytest.approx(wanted)
    answers = model.predict_text(sources)
    assert [each["sentences"] for each in model.predict_text(texts)] != []
    assert all(len(each["sentences"]) == 1 for each in answers)
    assert all(len(each["sentences"]) == 2 for each in model.predict_text(sources, top_k=2, trigram_blocking=False))


@pytest.mark.parametrize("soft", [True, False])
def test_it_learns_a_made_up_set_without_error(soft):
    model, (sources, labels) = model_of(soft_targets=soft), praise(120)
    summaries = [each[right.index(1)] for each, right in zip(sources, labels, strict=True)]
    model.compile(AdamW(5e-3))
    model.fit(sources, summaries, epochs=12, batch_size=10, verbose=0)
    found = model.predict_text(sources)
    assert [each["summary_text"] for each in found] == summaries
    assert [each["sentences"][0]["sentence"] for each in found] == [each.index(1) for each in labels]
    assert model.evaluate(sources, labels, verbose=0)[1] == 1.0
