"""The named arguments of a call: columns of texts, settings to answer with, and what to see of an answer."""

import pytest

from kerasbert.errors import ConfigError
from kerasbert.tasks import question_answering, seq2seq, text_classification
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.request import Request

LABELS = text_classification.Settings(max_length=16, labels=("a", "b", "c"))
QUESTIONS = question_answering.Settings(max_length=16)
WRITING = seq2seq.Settings(max_length=16, decoder_start_token_id=1, eos_token_id=2)


def test_columns_stay_and_the_rest_is_the_request():
    named = {"text": ["good"], "text_pair": None, "top_k": 2}
    request, columns = Request.of(text_classification.TASK, LABELS, named)
    assert columns == {"text": ["good"], "text_pair": None}
    assert request.settings == LABELS
    assert request.choice == Choice(top_k=2)


def test_a_setting_replaces_the_models_own_for_one_call():
    request, _ = Request.of(question_answering.TASK, QUESTIONS, {"max_answer_length": 5, "top_k": None})
    assert (request.settings.max_answer_length, request.choice) == (5, None)
    assert QUESTIONS.max_answer_length != 5


def test_a_word_of_two_meanings_is_the_tasks_own_setting():
    request, _ = Request.of(seq2seq.TASK, WRITING, {"top_k": 7, "do_sample": True})
    assert (request.settings.top_k, request.settings.do_sample, request.choice) == (7, True, None)


@pytest.mark.parametrize(
    ("task", "settings", "named", "said"),
    [
        (text_classification, LABELS, {"top_k": 0}, "^top_k is 0: use 1 or more$"),
        (text_classification, LABELS, {"top_k": "3"}, "^top_k is '3', not a whole number$"),
        (text_classification, LABELS, {"all_scores": True, "top_k": 2}, "^all_scores shows every label; leave top_k"),
        (question_answering, QUESTIONS, {"threshold": 0.5}, "^threshold means nothing to this model, .*; top_k would$"),
        (question_answering, QUESTIONS, {"max_answer_length": 2.5}, "^max_answer_length is 2.5, not a whole number$"),
        (question_answering, QUESTIONS, {"max_answer_length": 0}, "^max_answer_length is 0: "),
        (seq2seq, WRITING, {"temperature": 0.5}, "^temperature has no effect without do_sample$"),
        (seq2seq, WRITING, {"threshold": 0.5}, "^threshold means nothing to this model, for seq2seq$"),
    ],
)
def test_what_means_nothing_is_an_error(task, settings, named, said):
    with pytest.raises(ConfigError, match=said):
        Request.of(task.TASK, settings, named)
