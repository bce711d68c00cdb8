"""The plain encoder as a task: one vector per token, from a folder, to a folder."""

import keras
import numpy as np
import pytest

from kerasbert import BertConfig, BertEncoder, FeatureExtractor
from kerasbert.errors import ConfigError
from kerasbert.models.opening import open_model
from kerasbert.tasks.feature_extraction import Settings
from kerasbert.tasks.task import Output

TEXTS = ["the film was lovely", "bad", "", "the hotel was dark and the staff rude. " * 9]


@pytest.fixture(scope="module")
def model(tiny_bert) -> FeatureExtractor:
    return FeatureExtractor.from_pretrained(tiny_bert)


def by_hand(encoder: BertEncoder, text: str, max_length: int = 64) -> dict:
    """The encoder's outputs of one text alone, without padding."""
    outputs = encoder(encoder.tokenizer([text], max_length=max_length))
    return {name: keras.ops.convert_to_numpy(output)[0] for name, output in outputs.items()}


@pytest.mark.parametrize("batch_size", [1, 32])
def test_vectors_are_those_of_the_real_tokens_whatever_stands_beside_a_text(model, batch_size):
    outputs = model.predict_outputs(TEXTS, batch_size=batch_size)
    assert [len(vectors) for vectors in outputs["sequence_output"]] == [6, 3, 2, 64]
    for index, text in enumerate(TEXTS):
        wanted = by_hand(model.encoder, text)
        for name in ("sequence_output", "pooled_output"):
            np.testing.assert_allclose(outputs[name][index], wanted[name], atol=2e-6)
            assert outputs[name][index].dtype == np.float32


def test_answers_are_plain_lists(model):
    (answer,) = model.predict_text(["bad"])
    wanted = by_hand(model.encoder, "bad")
    assert list(answer) == ["sequence_output", "pooled_output"]
    np.testing.assert_allclose(answer["sequence_output"], wanted["sequence_output"], atol=2e-6)
    assert answer["pooled_output"] == pytest.approx(wanted["pooled_output"].tolist(), abs=2e-6)


def test_nothing_asked_is_nothing_answered(model):
    outputs = model.predict_outputs([])
    assert (outputs["sequence_output"], outputs["pooled_output"].shape) == ([], (0, 32))
    assert model.predict_text([]) == []


def test_the_graph_says_what_goes_in_and_what_comes_out(model):
    (graph,) = model.graphs()
    assert [(each.name, each.axis, each.pad) for each in graph.inputs] == [
        ("input_ids", "token", 0),
        ("attention_mask", "token", 0),
        ("token_type_ids", "token", 0),
    ]
    assert graph.outputs == (
        Output("sequence_output", "token", "vector", 32),
        Output("pooled_output", "row", "vector", 32),
    )


def test_an_encoder_without_pooler_has_one_output(model):
    bare = FeatureExtractor(BertEncoder(model.config, pooler=False))
    assert [output.name for output in bare.graphs()[0].outputs] == ["sequence_output"]


def test_a_family_without_segments_and_with_another_pad_says_so():
    config = BertConfig.from_size("tiny", model_type="roberta", vocab_size=40, hidden_size=16, pad_token_id=1)
    (graph,) = FeatureExtractor(BertEncoder(config)).graphs()
    assert [(each.name, each.pad) for each in graph.inputs] == [("input_ids", 1), ("attention_mask", 0)]


def test_examples_have_no_targets_that_the_task_knows(model):
    (inputs,) = next(iter(model.dataset_of(model.task.examples(TEXTS))))
    assert set(inputs) == set(model.input)


def test_it_opens_as_what_it_was_saved_as(tiny_bert, model, tmp_path):
    FeatureExtractor(model.encoder, max_length=20).save_pretrained(tmp_path / "saved")
    wanted = by_hand(model.encoder, TEXTS[-1], 20)["sequence_output"]
    for opened in (open_model(tmp_path / "saved"), open_model(tiny_bert, task="feature-extraction", max_length=20)):
        assert (type(opened), opened.settings) == (FeatureExtractor, Settings(max_length=20))
        found = opened.predict_outputs(TEXTS[-1:])["sequence_output"][0]
        np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_a_keras_file_gives_it_back(model, tmp_path):
    FeatureExtractor(model.encoder, max_length=30).save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.settings == Settings(max_length=30)
    for name, output in model.predict_outputs(TEXTS[:1]).items():
        np.testing.assert_allclose(again.predict_outputs(TEXTS[:1])[name][0], output[0], atol=1e-6)


def test_a_length_that_cannot_be_is_named(model):
    with pytest.raises(ConfigError, match="max_length is 65: use 3 to 64"):
        FeatureExtractor(model.encoder, max_length=65)
