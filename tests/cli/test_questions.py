"""Questions on the command line: their contexts, settings to answer with, figures, and learning from SQuAD's JSON."""

import json

import pytest

CONTEXT = "the film was lovely, and the room was good"
QUESTIONS = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": f"the {noun} was good and the day was {word}",
                    "qas": [
                        {"question": "what was good", "answers": [{"text": noun, "answer_start": 4}]},
                        {"question": f"what was {word}", "answers": [{"text": "day", "answer_start": 0}]},
                        {"question": "who was there", "is_impossible": True, "answers": []},
                    ],
                }
                for noun, word in (("film", "bad"), ("room", "awful"), ("hotel", "long"))
            ]
        }
    ]
}


@pytest.fixture
def questions(file):
    return file("questions.json", json.dumps(QUESTIONS))


def answers(run, *words) -> list[dict]:
    result = run("predict", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_several_questions_have_one_context(run, tiny_answerer):
    found = answers(run, tiny_answerer, "what was good", "what was lovely", "--context", CONTEXT)
    assert [each["question"] for each in found] == ["what was good", "what was lovely"]
    for each in found:
        assert each["context"][each["start"] : each["end"]] == each["answer"] != ""


def test_a_model_answers_with_other_settings(run, tiny_answerer):
    asked = (tiny_answerer, "what was good", "--context", CONTEXT)
    (several,) = answers(run, *asked, "--top-k", 3, "--max-answer-length", 1)
    assert len(several["answers"]) == 3
    assert not any(" " in each["answer"] for each in several["answers"])
    (none,) = answers(run, *asked, "--handle-impossible-answer", "--null-score-diff-threshold", -99)
    assert (none["answer"], none["start"], none["end"]) == ("", 0, 0)


def test_a_setting_of_another_task_is_a_wrong_call(run, tiny_classifier):
    result = run("predict", tiny_classifier, "a", "--max-answer-length", 3)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "text-classification has no --max-answer-length; leave it out" in result.stderr


def test_an_empty_text_is_one_line(fails, tiny_answerer):
    assert fails("predict", tiny_answerer, "who", "--context", " ") == "context[0] is empty; give it some text"
    assert fails("predict", tiny_answerer, "", "--context", "a") == "question[0] is empty; give it some text"


def test_files_are_answered_and_measured(run, tiny_answerer, questions):
    found = answers(run, tiny_answerer, "--input", questions)
    assert [each["question"] for each in found[:2]] == ["what was good", "what was bad"]
    result = run("evaluate", tiny_answerer, "--data", questions, "--handle-impossible-answer")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines if line] == [
        *("questions", "exact_match", "f1", "answerable_f1", "unanswerable_f1"),
        *("class", "answer", "none"),
    ]
    assert "3 of 6 answers are not in the context, or not at the answer_start given" in result.stderr
    assert "training" not in result.stderr


@pytest.mark.slow
def test_it_learns_and_keeps_a_threshold_that_is_given(run, tiny_bert, questions, tmp_path):
    words = ("--checkpoint", tiny_bert, "--train", questions, "--dev", questions, "--epochs", 1, "--max-length", 48)
    settings = ("--stride", 8, "--max-answer-length", 4, "--top-k", 2, "--learning-rate", 1e-3)
    for name, given in (("tuned", ()), ("given", ("--null-score-diff-threshold", 7.5))):
        result = run("finetune", "question-answering", *words, *settings, *given, "--out", name)
        assert result.exit_code == 0, result.output
        stored = json.loads((tmp_path / name / "config.json").read_text("utf-8"))["kerasbert"]
        threshold = stored.pop("null_score_diff_threshold")
        assert (threshold == 7.5) == (name == "given")
        assert stored == {
            "task": "question-answering",
            "max_length": 48,
            "stride": 8,
            "max_answer_length": 4,
            "top_k": 2,
            "handle_impossible_answer": True,
        }


def test_a_model_of_another_task_is_refused(run, tiny_bert):
    result = run("predict", tiny_bert, "what was good", "--context", CONTEXT, "--task", "question-answering")
    assert result.exit_code == 1
    assert "has no qa_outputs for question-answering; fine-tune it first" in result.stderr
