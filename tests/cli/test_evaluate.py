"""kerasbert evaluate: figures, those of each class, and the picture, for every task that learns from files."""

import json

import pytest

from kerasbert import MaskFiller
from kerasbert.runs.answers import draw_answers
from kerasbert.tasks.figures.pictures import Counts, Points

ROWS = """text,label
"the film was good, book",positive
"the film was bad, book",negative
"the film was rude, book",positive
"""


def test_the_table_of_classes_follows_the_figures(run, tiny_classifier, file):
    path = file("test.csv", ROWS)
    result = run("evaluate", tiny_classifier, "--data", path, "--plot", "confusion.png")
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["texts", "3"],
        ["accuracy", "0.6667"],
        ["macro_f1", "0.6667"],
        [],
        ["class", "precision", "recall", "f1", "support"],
        ["negative", "0.5000", "1.0000", "0.6667", "1"],
        ["positive", "1.0000", "0.5000", "0.6667", "2"],
    ]
    assert (path.parent / "confusion.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82")  # whole
    found = json.loads(run("evaluate", tiny_classifier, "--data", path, "--json").stdout)
    assert found["classes"]["positive"] == {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}
    assert found["confusion"]["counts"] == [[1, 0], [1, 1]]


def test_entities_are_reported_by_type(run, tiny_tagger):
    result = run("evaluate", tiny_tagger / "tagger", "--data", tiny_tagger / "train.conll", "--batch-size", 4)
    assert result.exit_code == 0, result.output
    *_, head, praise, thing = (line.split() for line in result.stdout.splitlines())
    assert head == ["class", "precision", "recall", "f1", "support"]
    assert (praise[0], thing[0]) == ("PRAISE", "THING")


def test_what_has_no_figures_is_one_line(fails, tiny_bert, opinion_file):
    line = fails("evaluate", tiny_bert, "--task", "feature-extraction", "--data", opinion_file)
    assert line == f"{tiny_bert}: feature-extraction has no figures to measure on labelled data"


def test_a_task_without_a_picture_is_measured(run, tiny_bert, file):
    texts = file("texts.txt", "the film was good\nthe book was bad\n")
    MaskFiller.from_pretrained(tiny_bert).save_pretrained("filler")
    result = run("evaluate", "filler", "--data", texts, "--json")
    assert result.exit_code == 0, result.output
    assert sorted(json.loads(result.stdout)) == ["accuracy", "perplexity", "texts"]
    result = run("evaluate", "filler", "--data", texts, "--plot", "a.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--plot: fill-mask has no picture of right and wrong answers; leave it out" in result.stderr


@pytest.mark.parametrize(
    "picture",
    [
        Counts(rows=("a", "b"), columns=("a", "b"), counts=((3, 0), (0, 0))),
        Counts(rows=("a",), columns=("found", "missed", "given wrongly"), counts=((1, 2, 3),), down="label"),
        Points(true=(1.0, 1.0), predicted=(0.5, 2.0)),
    ],
    ids=["no row of b", "several labels", "numbers"],
)
def test_every_kind_of_answers_is_drawn(tmp_path, picture):
    draw_answers(picture, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82")
