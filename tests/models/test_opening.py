"""A trained head never stands on a part that is drawn at random; a part that is new stands under a new head."""

import numpy as np
import pytest
from checkpoints.head_classes import make_folder

from kerasbert import TextClassifier
from kerasbert.errors import CheckpointError
from kerasbert.models.opening import model_class, open_model
from kerasbert.models.pretraining import PretrainingModel


def test_a_trained_classifier_without_its_pooler_is_refused(tmp_path):
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", without=["pooler"])
    said = r"^.*model: has a trained classifier but no pooler under it, which would be drawn at random; fetch or save"
    for opened in (
        lambda: open_model(folder),
        lambda: TextClassifier.from_pretrained(folder),
        lambda: TextClassifier.from_pretrained(folder, labels=["LABEL_0", "LABEL_1"]),
    ):
        with pytest.raises(CheckpointError, match=said):
            opened()


def test_a_new_classifier_may_stand_on_a_new_pooler_and_both_are_named(tmp_path, caplog):
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", without=["pooler"])
    TextClassifier.from_pretrained(folder, labels=["a", "b", "c"])
    assert "new, not from the checkpoint: classifier, pooler; left unused: classifier of" in caplog.text


def test_a_trained_classifier_without_its_learned_pooling_is_refused(tmp_path):
    config = {"kerasbert": {"task": "text-classification", "pooling": "additive"}}
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", config=config)
    with pytest.raises(CheckpointError, match="has a trained classifier but no pooling under it"):
        open_model(folder)


def test_a_folder_named_a_classifier_without_one_is_refused(tmp_path):
    config = {"architectures": ["BertForSequenceClassification"]}
    folder = make_folder(tmp_path / "model", "BertForMaskedLM", config=config)
    with pytest.raises(CheckpointError, match=r"holds text-classification \(.*\), has no classifier"):
        open_model(folder)


@pytest.mark.parametrize("name", ["BertForSequenceClassification", "DistilBertForSequenceClassification"])
def test_a_setting_that_is_named_as_it_is_keeps_the_trained_head(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    stored, named = (TextClassifier.from_pretrained(folder, **given) for given in ({}, {"pooling": "cls"}))
    for one, two in zip(stored.weights, named.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)


@pytest.mark.parametrize("name", ["BertForNextSentencePrediction", "BertForPreTraining"])
def test_a_trained_next_sentence_head_without_its_pooler_is_refused(name, tmp_path):
    folder = make_folder(tmp_path / "model", name, without=["pooler"])
    with pytest.raises(CheckpointError, match="has a trained nsp but no pooler under it"):
        PretrainingModel.from_pretrained(folder)
    assert not PretrainingModel.from_pretrained(folder, nsp=False).nsp


def test_a_new_next_sentence_head_may_stand_on_a_new_pooler(tmp_path, caplog):
    PretrainingModel.from_pretrained(make_folder(tmp_path / "model", "BertForMaskedLM"), nsp=True)
    assert caplog.records[-1].getMessage().endswith("new, not from the checkpoint: nsp, pooler")


def test_another_pooling_is_a_new_head(tmp_path, caplog):
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification")
    TextClassifier.from_pretrained(folder, pooling="mean")
    assert "new, not from the checkpoint: classifier; left unused: pooler, classifier of" in caplog.text


@pytest.mark.parametrize(
    ("name", "task", "lacks"),
    [
        ("BertForMaskedLM", "question-answering", r"holds fill-mask \(BertForMaskedLM\), has no qa_outputs"),
        ("BertForMaskedLM", "next-sentence", r"holds fill-mask \(BertForMaskedLM\), has no nsp"),
        ("BertForMultipleChoice", "next-sentence", r"holds multiple-choice \(BertForMultipleChoice\), has no nsp"),
        ("BertForSequenceClassification", "multiple-choice", r"holds text-classification \(.*\), has no classifier"),
        ("BertForMultipleChoice", "token-classification", r"holds multiple-choice \(.*\), has no classifier"),
        ("BertForQuestionAnswering", "text-classification", r"holds question-answering \(.*\), has no classifier"),
        ("BertForQuestionAnswering", "fill-mask", r"holds question-answering \(.*\), has no mlm"),
        ("BertModel", "question-answering", "has no qa_outputs"),
    ],
)
def test_no_task_is_answered_by_a_head_that_is_drawn_at_random(name, task, lacks, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    with pytest.raises(CheckpointError, match=rf"model: {lacks} for {task}; fine-tune it first$"):
        open_model(folder, task=task)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("BertForPreTraining", "fill-mask"),
        ("BertForPreTraining", "next-sentence"),
        ("BertForMaskedLM", "sentence-embedding"),
        ("BertForMaskedLM", "feature-extraction"),
    ],
)
def test_a_head_of_pre_training_and_a_task_without_a_head_need_no_training(name, task, tmp_path, caplog):
    folder = make_folder(tmp_path / "model", name)
    assert type(open_model(folder, task=task)) is model_class(task)
    assert "new, not from the checkpoint" not in caplog.text


def test_a_trained_next_sentence_head_is_read_from_a_folder_named_after_its_other_head(tmp_path, caplog):
    """As that of bert-base-uncased is."""
    config = {"architectures": ["BertForMaskedLM"]}
    folder = make_folder(tmp_path / "model", "BertForPreTraining", config=config)
    open_model(folder, task="next-sentence")
    assert "new, not from the checkpoint" not in caplog.text
