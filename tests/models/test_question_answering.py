"""The question answerer in Keras: it learns from a file, reads heads of transformers, and padding changes nothing."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasbert import BertConfig, BertEncoder, QuestionAnswerer
from kerasbert.checkpoints import names
from kerasbert.tasks.batches import NO_TOKEN
from kerasbert.training.losses import PositionCrossentropy, position_accuracy

WORDS = ("film", "book", "hotel", "room", "story")


def encoder(family="bert", **changes) -> BertEncoder:
    sizes = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 24, "max_position_embeddings": 24}
    return BertEncoder(BertConfig.from_size("tiny", model_type=family, **{**sizes, **changes}), pooler=False)


def test_the_loss_is_the_cross_entropy_of_a_row_s_own_tokens():
    logits = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    sizes, right = (6, 4, 3), (5, 0, 2)
    wanted = np.full((3, 6), NO_TOKEN, "float32")
    for row, (size, place) in enumerate(zip(sizes, right, strict=True)):
        wanted[row, :size] = np.arange(size) == place
    by_hand = [-np.log(np.exp(z[p]) / np.exp(z[:n]).sum()) for z, n, p in zip(logits, sizes, right, strict=True)]
    loss = PositionCrossentropy(reduction=None)
    np.testing.assert_allclose(loss(wanted, logits), by_hand, rtol=1e-5)
    weights = np.array([1.0, 0.0, 3.0], "float32")
    loss = PositionCrossentropy(reduction="mean_with_sample_weight")
    assert float(loss(wanted, logits, weights)) == pytest.approx(np.average(by_hand, weights=weights), rel=1e-5)
    best = [z[:n].argmax() == p for z, n, p in zip(logits, sizes, right, strict=True)]
    np.testing.assert_array_equal(position_accuracy(ops.array(wanted), ops.array(logits)), best)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert (again.reduction, again.name) == (loss.reduction, loss.name)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_the_head_has_the_names_of_transformers(family):
    model = QuestionAnswerer(encoder(family))
    found = [names.tensor_name(family, weight.path, prefix=True) for weight in model.weights[-2:]]
    assert found == [("qa_outputs.weight", True), ("qa_outputs.bias", False)]
    (graph,) = model.graphs()
    assert [(x.name, x.axis, x.bar, x.width) for x in graph.outputs] == [
        ("start_logits", "position", "choice", 0),
        ("end_logits", "position", "choice", 0),
    ]


def test_padding_does_not_change_a_row_s_logits():
    model = QuestionAnswerer(encoder())
    ids = np.random.default_rng(1).integers(5, 40, (2, 9)).astype("int32")
    real = (np.arange(9) < np.array([[9], [6]])).astype("int32")
    batch = {"input_ids": ids * real, "attention_mask": real, "token_type_ids": (np.arange(9) > 3) * real}
    both = model(batch)
    alone = model({name: values[1:, :6] for name, values in batch.items()})
    for name in ("start_logits", "end_logits"):
        assert both[name].shape == (2, 9)
        np.testing.assert_allclose(both[name][1, :6], alone[name][0], atol=1e-5)


@pytest.fixture
def questions(tmp_path):
    """Made-up questions: the answer is the word before "was"."""
    chance, data = np.random.default_rng(0), []
    for number in range(60):
        one, other = chance.choice(WORDS, 2, replace=False)
        context = f"the {one} was good and the {other} is bad"
        answers = [{"text": str(one), "answer_start": 4}]
        data.append({"context": context, "qas": [{"id": str(number), "question": "what was good", "answers": answers}]})
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"data": [{"paragraphs": data}]}), encoding="utf-8")
    return path


@pytest.mark.slow
def test_it_learns_from_a_file_and_a_folder_gives_it_back(tiny_bert, questions, tmp_path):
    keras.utils.set_random_seed(1)
    model = QuestionAnswerer.from_pretrained(tiny_bert, max_length=32, stride=4)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(model.dataset(questions, batch_size=20), epochs=15, verbose=0).history
    assert history["start_logits_accuracy"][-1] > 0.95 > history["start_logits_accuracy"][0]
    assert history["end_logits_accuracy"][-1] > 0.95
    context = "the story was good and the hotel is bad"
    answer = model.predict_text(["what was good"], [context])[0]
    assert (answer["answer"], answer["start"], answer["end"]) == ("story", 4, 9)
    assert answer["score"] > 0.5
    model.save_pretrained(tmp_path / "model")
    again = QuestionAnswerer.from_pretrained(tmp_path / "model")
    assert again.settings == model.settings
    assert again.predict_text(["what was good"], [context]) == [answer]
    stored = json.loads((tmp_path / "model/config.json").read_text("utf-8"))
    assert stored["architectures"] == ["BertForQuestionAnswering"]


@pytest.mark.slow
def test_a_long_context_is_answered_from_its_windows(tiny_bert, questions):
    model = QuestionAnswerer.from_pretrained(tiny_bert, max_length=24, stride=4, top_k=3)
    context = " ".join(["the book is bad and the room is good"] * 12)
    answers = model.predict_text(["what was good"], [context])[0]
    assert len(answers) == 3
    assert len({each["answer"] for each in answers}) == 3
    for each in answers:
        assert context[each["start"] : each["end"]] == each["answer"]
    assert answers == sorted(answers, key=lambda each: -each["score"])
    outputs = model.predict_outputs(["what was good"], [context])
    assert len(outputs["start_logits"]) > 3
    assert all(len(x) <= 24 for x in outputs["start_logits"])
