"""CoNLL files as people have them -> examples, or one line that names the file, the line and the mend."""

import dataclasses

import pytest

from kerasbert.errors import DataError
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks import task_named
from kerasbert.tasks.fields import Field

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
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN.removesuffix("\n"),
        PLAIN.replace("\n\n", "\n  \t \n"),
        PLAIN.replace(" ", "  NNP  "),
    ],
    ids=["spaces", "tabs", "CRLF", "CR", "byte-order mark", "blank line with spaces", "columns between"],
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


def test_a_comment_of_two_words_is_no_word_and_tag(file):
    assert read(file("a.conll", f"# comment\n{PLAIN.replace('Ann', '# text' + chr(10) + 'Ann')}")) == [
        (words, tags, line + 1 + (line > 1)) for words, tags, line in SENTENCES
    ]
    assert [words for words, *_ in read(file("a.conll", f"#\tin\ttabs\n{PLAIN}"))] == [words for words, *_ in SENTENCES]


def test_a_hash_is_a_word_where_it_can_be_no_comment(file):
    assert read(file("a.conll", f"#\tB-X\n\n{PLAIN.replace(' ', chr(9))}"))[0] == (["#"], ["B-X"], 1)
    found = read_unlabelled(file("a.conll", "#\nNew\n\n# \n"), TASK)
    assert [each.fields["text"] for each in found] == [["#", "New"], ["#"]]


def test_each_word_has_its_line(file):
    found = read_examples(file("a.conll", f"# id\n{PLAIN}"), TASK)
    assert [[each.place_of(place)[-1] for place in range(len(each.lines))] for each in found] == [list("234"), ["6"]]


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
    with pytest.raises(DataError, match=r"are not read for [a-z0-9-]+; use .csv, .tsv, .jsonl$"):
        read(file(name, PLAIN), task_named("text-classification"))


def test_words_without_tags_are_read_where_no_tags_are_needed(file):
    path = file("a.conll", "New\nYork\n\nAnn\n")
    assert [each.fields["text"] for each in read_unlabelled(path, TASK)] == [["New", "York"], ["Ann"]]
    with pytest.raises(
        DataError, match=r"a.conll: no label column, only words; add a tag behind each word and a space$"
    ):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "New B-LOC\nYork\n",
            r"a.conll, line 2: 1 column, but the first word .* has 2; .* the same columns, separated by spaces$",
        ),
        (
            "New B-LOC\nYork I-LOC x\n",
            r"a.conll, line 2: 3 columns, but the first word .* has 2; .* the same columns, separated by spaces$",
        ),
        ("New\tB-LOC\n# a\n", r"a.conll, line 2: 1 column, but"),
        ("New\tB-LOC\nYork I-LOC\n", r"a.conll, line 2: 1 column, but .* the same columns, separated by tabs$"),
        ("\n\n", r"a.conll: holds no rows$"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(file, content, said):
    with pytest.raises(DataError, match=said):
        read(file("a.conll", content))
