"""Multiple choice in Keras: transformers' heads, one loss per example however a batch is cut, and learning."""

import json
import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from checkpoints.head_classes import make_folder
from conftest import BAD, GOOD, small_vocabulary

from kerasbert import BertConfig, BertEncoder, MultipleChoice, TextClassifier
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError, DataError
from kerasbert.models.multiple_choice import NO_CHOICE
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.training.optimizers import AdamW

RECORDED = json.loads((Path(__file__).parent / "choices.json").read_text("utf-8"))
HEADS = [name for name in RECORDED if name.endswith("MultipleChoice")]


def model_of(family="bert", **changes) -> MultipleChoice:
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    sizes |= {"vocab_size": tokenizer.vocab_size, "max_position_embeddings": 24, "initializer_range": 0.1}
    config = BertConfig.from_size("tiny", model_type=family, **{**sizes, **changes})
    return MultipleChoice(BertEncoder(config, tokenizer=tokenizer), max_length=16)


def praise(count: int) -> tuple[list[str], list[list[str]], list[int]]:
    """Prompts, two to four choices each, and the number of the only choice that is praise."""
    draw, prompts, choices, right = random.Random(0), [], [], []
    for index in range(count):
        texts = [f"it was {draw.choice(BAD)}" for _ in range(2 + index % 3)]
        right.append(draw.randrange(len(texts)))
        texts[right[-1]] = f"it was {draw.choice(GOOD)}"
        prompts.append(f"the {draw.choice(['film', 'book', 'room'])}")
        choices.append(texts)
    return prompts, choices, right


@pytest.mark.parametrize("name", HEADS)
def test_logits_are_those_of_transformers(name, tmp_path):
    model = MultipleChoice.from_pretrained(make_folder(tmp_path / "model", name))
    inputs = {key: np.array(value, "int32") for key, value in RECORDED[name]["inputs"].items()}
    wanted = np.array(RECORDED[name]["logits"])
    np.testing.assert_allclose(model(inputs), wanted, atol=1e-5)
    rows = {key: value.reshape(-1, value.shape[-1]) for key, value in inputs.items()}
    np.testing.assert_allclose(model(rows), wanted.reshape(-1, 1), atol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    checkpoint = open_checkpoint(tmp_path / "saved")
    assert (checkpoint.architecture, checkpoint.task) == (name, "multiple-choice")
    assert checkpoint.shapes == open_checkpoint(tmp_path / "model").shapes
    np.testing.assert_array_equal(MultipleChoice.from_pretrained(tmp_path / "saved")(inputs), model(inputs))


def test_a_classifier_of_another_task_is_not_taken_for_the_head(tmp_path, caplog):
    number = TextClassifier(model_of().encoder, labels=["stars"], problem_type="regression")
    number.save_pretrained(tmp_path / "number")
    model = MultipleChoice.from_pretrained(tmp_path / "number")
    assert "new, not from the checkpoint: classifier" in caplog.text
    kernels = (each.get_layer("classifier").get_weights()[0] for each in (number, model))
    assert not np.array_equal(*kernels)


def test_bert_needs_its_pooler():
    encoder = BertEncoder(model_of().config, pooler=False)
    with pytest.raises(ConfigError, match=r"^multiple-choice needs the encoder's pooler: use BertEncoder"):
        MultipleChoice(encoder)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_a_loss_and_an_answer_are_those_of_the_choices_of_an_example(family):
    """However many choices other examples of the batch have."""
    model, (prompts, choices, right) = model_of(family), praise(7)
    model.compile()
    losses = []
    for prompt, texts, number in zip(prompts, choices, right, strict=True):
        logits = model.predict(([prompt] * 2, [texts] * 2), verbose=0)[: len(texts), 0].astype("float64")
        scores = np.exp(logits) / np.exp(logits).sum()
        losses.append(-np.log(scores[number]))
        (answer,) = model.predict_text(prompt, texts)
        best = int(scores.argmax())
        assert answer == {"choice": best, "text": texts[best], "score": pytest.approx(scores[best], abs=1e-6)}
    for size in (1, 3, 7):
        loss, _ = model.evaluate((prompts, choices), right, batch_size=size, verbose=0)
        assert loss == pytest.approx(np.mean(losses), abs=1e-5), size
    weights = np.arange(7.0)
    weighted, _ = model.evaluate((prompts, choices), right, sample_weight=weights, verbose=0)
    assert weighted == pytest.approx(np.mean(weights * losses), abs=1e-5)


def test_a_batch_counts_examples_and_pads_choices():
    model, (prompts, choices, right) = model_of(), praise(3)
    ((inputs, targets),) = model.dataset((prompts, choices), right, batch_size=3, shuffle=False)
    sizes = list(map(len, choices))
    assert sizes == [2, 3, 4]
    assert inputs["input_ids"].shape[:2] == targets.shape == (3, 4)
    np.testing.assert_array_equal(np.asarray(inputs["attention_mask"]).any(-1).sum(1), sizes)
    np.testing.assert_array_equal(np.argmax(targets, 1), right)
    assert np.sum(targets) == 3
    logits = np.asarray(model(inputs))
    np.testing.assert_array_equal(logits == NO_CHOICE, np.arange(4) >= np.array(sizes)[:, None])


def test_right_answers_have_many_forms():
    model, (prompts, choices, right) = model_of(), praise(6)
    model.compile()
    one_hot = [
        [int(place == number) for place in range(len(texts))] for texts, number in zip(choices, right, strict=True)
    ]
    texts = [each[number] for each, number in zip(choices, right, strict=True)]
    wanted = model.evaluate((prompts, choices), right, verbose=0)
    letters = ["ABCD"[number] for number in right]
    data = tf.data.Dataset.from_tensor_slices(({"prompt": prompts, "choices": tf.ragged.constant(choices)}, right))
    for y in (np.array(right), np.array(right)[:, None], one_hot, texts, letters):
        assert model.evaluate({"prompt": prompts, "choices": choices}, y, verbose=0) == pytest.approx(wanted)
    assert model.evaluate(data.batch(6), verbose=0) == pytest.approx(wanted)
    assert model.evaluate(list(zip(prompts, choices, strict=True)), right, verbose=0) == pytest.approx(wanted)
    with pytest.raises(
        DataError, match=r"^y\[0\]: 7 is no choice; give its number, from 0 to 1, its letter, from A to B, or its text$"
    ):
        model.evaluate((prompts, choices), [7, *right[1:]], verbose=0)


def test_it_learns_a_made_up_set_without_error():
    model, (prompts, choices, right) = model_of(), praise(120)
    model.compile(AdamW(5e-3))
    model.fit((prompts, choices), right, epochs=5, batch_size=12, verbose=0)
    assert [each["choice"] for each in model.predict_text(prompts, choices)] == right
    assert model.evaluate((prompts, choices), right, verbose=0)[1] == 1.0
