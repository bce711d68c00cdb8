"""CoNLL files as people have them -> examples, or one line that names the file, the line and the mend."""

import dataclasses

import pytest

from kerasbert.errors import DataError
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Field

FIELDS = (Field("text", ("text", "words"), option="text", kind="text or words"),)
TASK = dataclasses.replace(task_named("text-classification"), fields=FIELDS, truths=("tags",), format=".conll")
SENTENCES = [(["New", "York", "!"], ["B-LOC", "I-LOC", "O"], 1), (["Ann"], ["B-PER"], 5)]
PLAIN = "New B-LOC\nYork I-LOC\n! O\n\nAnn B-PER\n"


def read(path, task=TASK, **options):
    return [(each.fields["text"], each.truth, each.line) for each in read_examples(path, task, **options)]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(" ", "\t"),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN.removesuffix("\n"),
        PLAIN.replace("\n\n", "\n  \t \n"),
        PLAIN.replace(" ", "  NNP  "),
    ],
    ids=["spaces", "tabs", "CRLF", "byte-order mark", "blank line with spaces", "columns between"],
)
def test_a_sentence_is_its_words_and_tags_with_the_line_of_its_first_word(file, content):
    assert read(file("a.conll", content)) == SENTENCES


def test_documents_and_comments_are_no_words_but_hashes_are(file):
    path = file("a.conll", f"-DOCSTART- -X- O\n\n# id = 1\n{PLAIN}\n# O\n#tag O\n")
    assert read(path) == [
        (["New", "York", "!"], ["B-LOC", "I-LOC", "O"], 4),
        (["Ann"], ["B-PER"], 8),
        (["#", "#tag"], ["O", "O"], 10),
    ]


def test_words_of_a_file_with_tabs_may_hold_spaces(file):
    path = file("a.conll", "New York\tB-LOC\nis\tO\n \tO\n\tO\n")
    assert read(path) == [(["New York", "is", " ", ""], ["B-LOC", "O", "O", "O"], 1)]


def test_columns_are_chosen_by_number(file):
    path = file("a.conll", "1 Ann NNP B-PER x\n2 left VBD O x\n")
    assert read(path, columns={"text": "2", "label": "4"}) == [(["Ann", "left"], ["B-PER", "O"], 1)]
    assert read(path, columns={"text": "2"}) == [(["Ann", "left"], ["x", "x"], 1)]
    with pytest.raises(DataError, match=r"a.conll: no column '6'; it has 1, 2, 3, 4, 5, words, tags$"):
        read(path, columns={"label": "6"})


@pytest.mark.parametrize("name", ["a.bio", "a.test", "a.txt", "a"])
def test_the_format_of_the_task_reads_endings_that_say_nothing(file, name):
    assert read(file(name, PLAIN)) == SENTENCES
    with pytest.raises(DataError, match=r"are not read; use .csv, .tsv, .jsonl, .conll$"):
        read(file(name, PLAIN), task_named("text-classification"))


def test_words_without_tags_are_read_where_no_tags_are_needed(file):
    path = file("a.conll", "New\nYork\n\nAnn\n")
    assert [each.fields["text"] for each in read_unlabelled(path, TASK)] == [["New", "York"], ["Ann"]]
    with pytest.raises(DataError, match=r"a.conll: no label column among 1, words; name it with --label-column$"):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "New B-LOC\nYork\n",
            r"a.conll, line 2: 1 columns, but the first word of the file has 2; give each word the same columns$",
        ),
        (
            "New B-LOC\nYork I-LOC x\n",
            r"a.conll, line 2: 3 columns, but the first word of the file has 2; give each word the same columns$",
        ),
        ("New\tB-LOC\n# a\n", r"a.conll, line 2: 1 columns, but"),
        ("\n\n", r"a.conll: holds no rows$"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(file, content, said):
    with pytest.raises(DataError, match=said):
        read(file("a.conll", content))
