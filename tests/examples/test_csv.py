"""Separators of CSV and TSV files as programs write them, and headers in any case."""

import logging

import pytest

from kerasbert.errors import DataError
from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named

TASK = task_named("text-classification")


def short(path, **options):
    return [(each.fields["text"], each.truth, each.line) for each in read_examples(path, TASK, **options)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", 'text;label\na, b;1\n"c; d";0\n', "semicolons, not by commas"),
        ("a.csv", 'sep=;\ntext;label\na, b;1\n"c; d";0\n', "semicolons, not by commas"),
        ("a.csv", "SEP=|\r\ntext|label\r\na, b|1\r\nc; d|0\r\n", "bars, not by commas"),
        ("a.csv", "text\tlabel\na, b\t1\nc; d\t0\n", "tabs, not by commas"),
        ("a.tsv", 'text,label\n"a, b",1\nc; d,0\n', "commas, not by tabs"),
        ("a.tsv", 'text;label\na, b;1\n"c; d";0\n', "semicolons, not by tabs"),
        ("a.csv", '\n\ntext;label\na, b;1\n"c; d";0\n', "semicolons, not by commas"),
    ],
)
def test_another_separator_is_read_and_said(file, caplog, name, content, said):
    with caplog.at_level(logging.INFO, "kerasbert"):
        rows = short(file(name, content))
    first = 2 + content.count("\n\n") * 2 + content.upper().startswith("SEP=")
    assert rows == [("a, b", "1", first), ("c; d", "0", first + 1)]
    assert [record.getMessage() for record in caplog.records] == [
        f"{file(name, content)}: columns are separated by {said}"
    ]


def test_the_usual_separator_is_not_doubted(file, caplog):
    with caplog.at_level(logging.INFO, "kerasbert"):
        assert short(file("a.csv", 'text,"label; of; it",label\na;b,x,1\n')) == [("a;b", "1", 2)]
        assert short(file("b.csv", "text\na;b\n"), labelled=False) == [("a;b", None, 2)]
        assert short(file("c.csv", 'sep=,\ntext,label\n"a",1\n')) == [("a", "1", 3)]
        assert short(file("d.tsv", "text\tlabel; x\tlabel\na\tb\t1\n")) == [("a", "1", 2)]
    assert caplog.records == []


def test_lines_of_errors_are_those_of_the_file(file):
    with pytest.raises(DataError, match=r"a.csv, line 4: 3 columns, the header has 2"):
        short(file("a.csv", "sep=;\ntext;label\na;1\nb;0;x\n"))


@pytest.mark.parametrize("text", ["Text", "TEXT", "review", "Sentence", "content", "Content"])
@pytest.mark.parametrize("label", ["Label", "sentiment", "Category", "CLASS", "target", "label"])
def test_usual_headers_are_found_whatever_their_case(file, text, label):
    assert short(file("a.csv", f"{label},{text}\n1,a\n")) == [("a", "1", 2)]


def test_of_two_headers_the_usual_spelling_counts(file):
    assert short(file("a.csv", "Text,text,Label,label\na,b,0,1\n")) == [("b", "1", 2)]


def test_a_list_in_a_cell_is_what_it_is_in_json(file):
    path = file("a.csv", 'text,label\na,"[""urgent"", ""a|b""]"\nb,urgent|billing\nc,[]\nd,[urgent\n')
    known = {"problem_type": "multi_label_classification"}
    examples = read_examples(path, TASK)
    labels = TASK.observe(examples, known)["labels"]
    assert labels == ("[urgent", "a|b", "billing", "urgent")
    settings = TASK.Settings(labels=labels, max_length=8, **known)
    assert [TASK.truth(example, settings) for example in examples] == [
        {"urgent", "a|b"},
        {"urgent", "billing"},
        frozenset(),
        {"[urgent"},
    ]


def test_half_a_character_is_refused_with_its_line(file):
    with pytest.raises(
        DataError, match=r"a.jsonl, line 2: not JSON \(.ud83d is half of a surrogate pair, no character"
    ):
        read_examples(file("a.jsonl", '{"text": "a", "label": 1}\n{"text": "\\ud83d", "label": 1}\n'), TASK)
