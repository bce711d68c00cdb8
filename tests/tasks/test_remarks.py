"""What is used but perhaps not meant is counted in one line of warning for each kind."""

import logging

import pytest

from kerasbert import MultipleChoice, TextClassifier
from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.remarks import count_cut, counted, warn, warn_unknown
from kerasbert.tasks.task import Example
from kerasbert.tokenizers.wordpiece import WordPieceTokenizer

TASK = task_named("text-classification")


@pytest.fixture
def said(file, caplog):
    """`said("text,label...", problem_type=...)` -> the warnings about a CSV file, without its name."""

    def remarks(content, **settings):
        path = file("a.csv", content)
        examples = read_examples(path, TASK)
        known = {"problem_type": "single_label_classification", **settings}
        chosen = TASK.Settings(max_length=8, **known, **TASK.observe(examples, known))
        with caplog.at_level(logging.WARNING, "kerasbert"):
            warn(TASK, examples, chosen)
        return [record.getMessage().removeprefix(f"{path}: ") for record in caplog.records]

    return remarks


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("text,label\na,x\nb,y\n", []),
        ("text,label\na,x\n,y\n  ,y\n", ["2 of 3 texts (the first on line 3) are empty"]),
        ("text,label\na,x\n,y\n", ["1 of 2 texts (the first on line 3) is empty"]),
        (
            "text,label\nnan,x\nNaN,y\nnanny,y\nnull,x\n",
            ["3 of 4 texts (the first on line 2) are 'nan' or 'null', which programs write for a missing value"],
        ),
        (
            "text,label\na\0b,x\nb,y\n",
            ["1 of 2 texts (the first on line 2) is broken by the character NUL, which no text has"],
        ),
        ("text,pair,label\na,b,x\nc,,y\n", ["1 of 2 text_pairs (the first on line 3) is empty"]),
        (
            "text,label\na,x\nb,nan\nc,nan\n",
            ["2 labels are 'nan' (the first on line 3), which programs write for a missing value"],
        ),
        (
            "text,label\na,Good\nb,good\nc,go  od\nd,go od\ne,bad\nf,good\n",
            [
                "the labels 'Good' (1) and 'good' (2) differ only in case, spaces or Unicode form, and count as "
                "different labels",
                "the labels 'go  od' (1) and 'go od' (1) differ only in case, spaces or Unicode form, and count as "
                "different labels",
            ],
        ),
        (
            "text,label\na,\u00e9\nb,e\u0301\n",
            [
                "the labels 'e\u0301' (1) and '\u00e9' (1) differ only in case, spaces or Unicode form, and count as "
                "different labels"
            ],
        ),
        (
            "text,label\na,0.0\nb,1.0\nc,1.0\n",
            [
                "2 labels are decimal numbers (0.0, 1.0) and are taken as names; for a number as the answer choose the "
                "problem type regression"
            ],
        ),
    ],
)
def test_each_kind_is_one_line(said, content, lines):
    assert said(content) == lines


def test_numbers_are_right_for_a_regression(said):
    assert said("text,label\na,0.0\nb,1.5\n", problem_type="regression") == []


def test_labels_of_several_are_looked_at_one_by_one(said):
    found = said("text,label\na,x|Y\nb,y\n", problem_type="multi_label_classification")
    assert [line.partition(" differ")[0] for line in found] == ["the labels 'Y' (1) and 'y' (1)"]


LONG = "the film is good and the staff is kind and the room is clean"


def test_texts_that_are_cut_are_counted(tiny_bert):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["a", "b"])
    for name in ("sentence-embedding", "feature-extraction"):
        task = task_named(name)
        examples = task.examples(["the film is good", LONG, "good"])
        rows = [row for each in examples for row in task.rows(model.tokenizer, each, task.Settings(max_length=6))]
        assert count_cut(rows) == 1


def test_what_training_cuts_and_what_it_reads_in_windows_is_said(tiny_bert, caplog):
    model = TextClassifier.from_pretrained(tiny_bert, labels=["a", "b"], max_length=8)
    with caplog.at_level(logging.INFO, "kerasbert"):
        model.dataset(["good", LONG], ["a", "b"])
        assert "cut" not in caplog.text
        model.dataset((["good", LONG, LONG], ["kind", "the film", LONG]), ["a", "b", "b"])
    said = [record.getMessage() for record in caplog.records]
    assert "1 of 2 texts are longer than 8 tokens and are read in 3 windows" in said
    assert "1 of 3 texts were cut, at 8 tokens" in said
    assert "1 of 3 texts are longer than 8 tokens and are read in 7 windows" in said


def test_what_is_cut_is_named_with_its_file_as_the_task_calls_it(tiny_bert, tmp_path, caplog):
    path = tmp_path / "dev.csv"
    path.write_text(f"prompt,choice0,choice1,label\ngood,{LONG},film,0\ngood,film,book,0\n", encoding="utf-8")
    MultipleChoice.from_pretrained(tiny_bert, max_length=8).dataset(path)
    assert f"{path}: 1 of 2 examples were cut, at 8 tokens" in caplog.messages


def test_windows_lose_nothing(tiny_bert):
    task = task_named("token-classification")
    model = TextClassifier.from_pretrained(tiny_bert, labels=["a", "b"])
    settings = task.Settings(labels=("O", "B-X"), max_length=8)
    (example,) = task.examples(["the film is good and the staff is kind and the room is clean"])
    rows = task.rows(model.tokenizer, example, settings)
    assert len(rows) > 1
    assert count_cut(rows) == 0


@pytest.mark.parametrize(
    ("trained", "pairs", "lines"),
    [
        (False, True, ["2 of 2 texts have a second text, but the model was trained on single texts"]),
        (True, False, ["2 of 2 texts have no second text, but the model was trained on pairs"]),
        (True, True, []),
        (False, False, []),
        (None, True, []),
        (None, False, []),
    ],
)
def test_second_texts_that_the_model_did_not_learn_are_said(caplog, trained, pairs, lines):
    settings = TASK.Settings(labels=("a", "b"), max_length=8, pairs=trained)
    examples = TASK.examples(["x", "y"], ["z", "w"] if pairs else None)
    with caplog.at_level(logging.WARNING, "kerasbert"):
        warn(TASK, examples, settings, labelled=False)
    assert [record.getMessage() for record in caplog.records] == lines


def test_training_records_whether_there_were_pairs(file, tiny_bert, tmp_path):
    path = file("a.csv", "text,pair,label\na,b,x\nc,d,y\n")
    found = TASK.observe(read_examples(path, TASK), {})
    assert found["pairs"] is True
    TextClassifier.from_pretrained(tiny_bert, **found, max_length=8).save_pretrained(tmp_path / "saved")
    assert TextClassifier.from_pretrained(tmp_path / "saved").settings.pairs is True


def test_a_number_agrees_with_its_noun():
    assert [counted(count, "step") for count in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["the film", "a film"], []),
        (["\u7535\u5f71", "\u597d"], ["a.txt: 100 % of the tokens of the texts are unknown to the model"]),
        (["film \u7535"] * 5000, ["a.txt: 50 % of the tokens of the texts are unknown to the model"]),
        ([["film", "\u7535"]], ["a.txt: 50 % of the tokens of the texts are unknown to the model"]),
        ([""], []),
    ],
)
def test_texts_of_another_language_are_told(caplog, texts, said):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "film"]
    tokenizer = WordPieceTokenizer(words)
    with caplog.at_level(logging.WARNING, "kerasbert"):
        warn_unknown(tokenizer, [Example({"text": text}, None, 1, "a.txt") for text in texts])
        warn_unknown(None, [Example({"text": "x"}, None, 1, "a.txt")])
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == said
