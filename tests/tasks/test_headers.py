"""Usual headers are found alike in files and in DataFrames, whatever their case."""

import pandas
import pytest

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import headers, task_named
from kerasbert.tasks.columns import examples_of

TASK = task_named("text-classification")
SETTINGS = TASK.Settings(labels=("0", "1"), max_length=8)


@pytest.mark.parametrize(
    ("text", "label"),
    [("Text", "Sentiment"), ("REVIEW", "class"), ("content", "Target"), ("Sentence", "Category"), ("text", "LABEL")],
)
def test_a_file_and_a_frame_have_the_same_columns(tmp_path, text, label):
    frame = pandas.DataFrame({label: ["1", "0"], text: ["a", "b"], "other": ["x", "y"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = read_examples(tmp_path / "a.csv", TASK), examples_of(TASK, SETTINGS, TASK.graphs(SETTINGS)[0], frame)
    for examples in read:
        assert [(each.fields["text"], each.truth) for each in examples] == [("a", "1"), ("b", "0")]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (["Text", "text"], "text"),
        (["sentence", "Text"], "Text"),
        (["quality"], None),
        ([0, 1, "CONTENT "], "CONTENT "),
        ([], None),
    ],
)
def test_the_first_usual_name_counts_and_its_own_spelling_before_others(found, wanted):
    assert headers.usual_header(found, headers.TEXT) == wanted
