"""Files as people have them -> examples, or one line that names the file, the line and the mend."""

import dataclasses
import io
import json
import sys
import types

import pytest

from kerasbert.errors import DataError
from kerasbert.examples import readers
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.fields import Field
from kerasbert.tasks.task import Example

TASK = task_named("text-classification")


def read_examples(path, task=TASK, **options):
    return readers.read_examples(path, task, **options)


def read_unlabelled(path, task=TASK, **options):
    return readers.read_unlabelled(path, task, **options)


def short(examples):
    return [(example.fields["text"], example.truth, example.line) for example in examples]


def test_csv_fields_may_hold_commas_quotes_and_line_breaks_and_lines_are_the_files(file):
    path = file("a.csv", 'text,label\n"one, ""two""",x\n"three\nfour\n\nfive",y\nsix,x\n')
    assert short(read_examples(path)) == [('one, "two"', "x", 2), ("three\nfour\n\nfive", "y", 3), ("six", "x", 7)]


def test_tsv_quotes_are_text(file):
    path = file("a.tsv", 'sentence\tlabel\n"quoted\t1\nan "odd\t0\n')
    assert short(read_examples(path)) == [('"quoted', "1", 2), ('an "odd', "0", 3)]


def test_jsonl_line_is_an_object_and_only_line_feeds_end_lines(file):
    path = file("a.jsonl", '{"text": "one\u2028two\x85", "label": 1}\r\n\r\n{"label": ["a"], "text": "three"}')
    assert short(read_examples(path)) == [("one\u2028two\x85", 1, 1), ("three", ["a"], 3)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(("name", "tab"), [("a.csv", ","), ("a.tsv", "\t"), ("A.CSV", ",")])
def test_byte_order_mark_line_ends_and_blank_lines_do_not_matter(file, name, tab, mark, end):
    path = file(name, mark + end.join([f"text{tab}label", f"été{tab}x", "", f"好{tab}y"]))
    assert short(read_examples(path)) == [("été", "x", 2), ("好", "y", 4)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_very_long_text_is_read_whole(file, name):
    text = "word " * 100_000
    content = (
        json.dumps({"text": text, "label": "x"})
        if name == "a.jsonl"
        else f"label{SEPARATOR[name]}text\nx" + (SEPARATOR[name] + text)
    )
    assert read_examples(file(name, content))[0].fields == {"text": text}


SEPARATOR = {"a.csv": ",", "a.tsv": "\t"}


def test_pairs_are_found_by_their_usual_names(file):
    path = file("a.csv", "premise,hypothesis,label\na,b,1\nc,d,0\n")
    assert read_examples(path) == [
        Example({"text": "a", "text_pair": "b"}, "1", 2, str(path)),
        Example({"text": "c", "text_pair": "d"}, "0", 3, str(path)),
    ]
    path = file("b.csv", "text,label\na,1\n")
    assert read_examples(str(path)) == [Example({"text": "a"}, "1", 2, str(path))]


def test_the_first_usual_name_that_a_file_has_is_taken(file):
    assert short(read_examples(file("a.csv", "sentence,text,score,label\na,b,1,2\n"))) == [("b", "2", 2)]


def test_columns_can_be_named(file):
    path = file("a.csv", "text,review,stars,pair\na,b,1,c\n")
    examples = read_examples(path, columns={"text": "review", "pair": "text", "label": "stars"})
    assert examples == [Example({"text": "b", "text_pair": "a"}, "1", 2, str(path))]
    examples = read_examples(path, columns={"text": None, "pair": None, "label": "stars"})  # as the command line has it
    assert examples == [Example({"text": "a", "text_pair": "c"}, "1", 2, str(path))]


@pytest.mark.parametrize("name", NAMES)
def test_a_word_that_names_no_column_of_the_task_is_refused(file, name):
    """Otherwise the usual column would be read, and nobody would know."""
    task = task_named(name)
    for path, read in (("a.csv", read_examples), ("a.csv", read_unlabelled), ("a.txt", read_unlabelled)):
        fields = (task.to_train() if read is read_examples else task).fields
        words = ", ".join([*(each.option for each in fields), "label"])
        with pytest.raises(DataError, match=rf"^{name} has no column for 'text_column': name {words}$"):
            read(file(path, "text,label\na,1\n"), task, columns={"text_column": "review"})


def test_without_labels_they_are_none(file):
    assert short(read_examples(file("a.csv", "text,id\na,7\n"), labelled=False)) == [("a", None, 2)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"a.csv: holds no rows$"),
        ("a.csv", "\n\n", r"a.csv: holds no rows$"),
        ("a.csv", "text,label\n", r"a.csv: holds no rows$"),
        ("a.jsonl", "", r"a.jsonl: holds no rows$"),
        ("a.csv", "text,label\na,1\n\nb\nc,0\n", r"a.csv, line 4: 1 column, the header has 2 \(text, label\); quote"),
        ("a.csv", 'text,label\n"a\nb",1\nc,d,0\n', r"a.csv, line 4: 3 columns, the header has 2"),
        ("a.tsv", "text\tlabel\na, b\n", r"a.tsv, line 2: 1 column, the header has 2"),
        ("a.csv", 'text,label\na,1\n"b,0\nc,1\n', r"a.csv, line 3: not readable as CSV \(unexpected end of data\)"),
        ("a.csv", "text,label,text\na,1,b\n", r"a.csv, line 1: the header repeats text; rename one of them"),
        ("a.csv", "words,label\na,1\n", r"a.csv: no text column among words, label; name it with --text-column"),
        ("a.csv", "text,stars\na,1\n", r"a.csv: no label column among text, stars; name it with --label-column"),
        ("a.csv", b"text,label\na,1\nb\xe9,0\n", r"a.csv, line 3: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a.csv", "text,label\na,1\n".encode("utf-16"), r"a.csv, line 1: byte 0xff is not UTF-8"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a"\n', r"a.jsonl, line 2: not JSON \("),
        ("a.jsonl", '\n["a", 1]\n', r"a.jsonl, line 2: a list; each line holds a JSON object"),
        ("a.jsonl", "[" * 100_000, r"a.jsonl, line 1: not JSON \("),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": 3, "label": 1}', r"line 2: no text in 'text' \(found 3\)"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"label": 1}', r"line 2: no text in 'text' \(found None\)"),
        (
            "a.jsonl",
            '{"text": "a", "label": 1}\n{"text": "b"}',
            r"line 2: no value in 'label'; give it one, or \[\] for an empty list$",
        ),
        (
            "a.jsonl",
            '{"text": "a", "label": 1}\n{"text": "b", "text_pair": "c", "label": 1}',
            r"line 1: no text in 'text_pair' \(found None\)",
        ),
        (
            "a.xlsx",
            "text,label\na,1\n",
            r"a.xlsx: files named '.xlsx' are not read for text-classification; use .csv, .tsv, .jsonl$",
        ),
        (
            "a.json",
            '[{"text": "a"}]',
            r"a.json: files named '.json' are not read for text-classification; write one object per line, as .jsonl$",
        ),
        (
            "a.conll",
            "a B\n",
            r"a.conll: files named '.conll' are not read for text-classification; use .csv, .tsv, .jsonl$",
        ),
        ("a", "text,label\na,1\n", r"a: files without an ending are not read for text-classification; use .csv"),
    ],
)
def test_bad_files_are_named_with_their_line(file, name, content, message):
    with pytest.raises(DataError, match=message):
        read_examples(file(name, content))


def test_a_column_that_is_not_there_is_named_with_those_that_are(file):
    path = file("a.csv", "text,label\na,1\n")
    for word in ("text", "pair", "label"):
        with pytest.raises(DataError, match=r"a.csv: no column 'title'; it has text, label$"):
            read_examples(path, columns={word: "title"})


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none.csv: no such file$"):
        read_examples(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder.csv: cannot be read \(Is a directory\)$"):
        read_examples(tmp_path / "folder.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"folder: folders are not read for [a-z-]+; use .csv"):
        read_examples(tmp_path / "folder")


def test_plain_text_has_one_text_per_line(file):
    path = file("a.txt", "one\u2028and a half\r\n\n  two \n")
    assert short(read_unlabelled(path)) == [("one\u2028and a half", None, 1), ("", None, 2), ("  two ", None, 3)]


def test_texts_come_from_labelled_files_too(file):
    assert short(read_unlabelled(file("a.csv", "text,label\na,1\n"))) == [("a", "1", 2)]
    assert short(read_unlabelled(file("a.csv", "text\na\n"))) == [("a", None, 2)]


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO("one\nzwölf\n".encode())))
    assert short(read_unlabelled("-")) == [("one", None, 1), ("zwölf", None, 2)]
    with pytest.raises(DataError, match=r"^standard input: holds no text$"):  # all of it is read now
        read_unlabelled("-")


def test_texts_of_other_kinds_of_files_are_refused(file):
    with pytest.raises(DataError, match=r"a.json: files named '.json' are not read"):
        read_unlabelled(file("a.json", '[{"text": "a"}]'))
    with pytest.raises(DataError, match=r"a.txt: holds no text$"):
        read_unlabelled(file("a.txt", "\n \n"))


def test_plain_text_has_no_columns_to_name(file):
    with pytest.raises(DataError, match=r"a.txt: plain text has no column 'review'; it has one text per line$"):
        read_unlabelled(file("a.txt", "one\n"), columns={"text": "review"})


def test_plain_text_has_no_place_for_a_task_of_two_fields(file):
    fields = (Field("question", ("question",), option="question"), Field("context", ("context",), option="context"))
    task = dataclasses.replace(TASK, fields=fields)
    with pytest.raises(
        DataError, match=r"a.txt: plain text has no place for question and context; use .csv, .tsv, .jsonl$"
    ):
        read_unlabelled(file("a.txt", "one\n"), task)
    path = file("a.csv", "context,question\na,b\n")
    assert read_unlabelled(path, task) == [Example({"question": "b", "context": "a"}, None, 2, str(path))]


@pytest.mark.parametrize(
    ("given", "said"), [('"a b"', "'a b'"), ("[1]", r"\[1\]"), ("null", "None"), ('["a", null]', r"\['a', None\]")]
)
def test_a_field_of_words_holds_a_list_of_strings(file, given, said):
    fields = (Field("words", ("words", "tokens"), option="words", kind="words"),)
    task = dataclasses.replace(TASK, fields=fields)
    path = file("a.jsonl", '{"tokens": ["New", "York"], "label": ["B", "I"]}\n')
    assert read_examples(path, task) == [Example({"words": ["New", "York"]}, ["B", "I"], 1, str(path))]
    with pytest.raises(DataError, match=rf"b.jsonl, line 1: no list of words in 'tokens' \(found {said}\)$"):
        read_examples(file("b.jsonl", f'{{"tokens": {given}, "label": []}}\n'), task)
    with pytest.raises(DataError, match=r"a.txt: plain text has no place for words; use .csv, .tsv, .jsonl, .conll$"):
        read_unlabelled(file("a.txt", "one\n"), task)


def test_a_task_that_learns_nothing_reads_texts_and_passes_labels_by(file):
    assert short(read_unlabelled(file("a.csv", "text,label\na,1\n"), task_named("feature-extraction"))) == [
        ("a", None, 2)
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "\ntext,label\na,1\n\n\n\nb,0\n\n"),
        ("a.jsonl", '{"text": "a", "label": 1}\n\n \n\n{"text": "b", "label": 0}\n\n'),
    ],
)
def test_blank_lines_between_rows_are_counted(file, caplog, name, content):
    path = file(name, content)
    assert len(read_examples(path, TASK)) == 2
    line = {"a.csv": 4, "a.jsonl": 2}[name]
    assert caplog.messages == [f"{path}: 3 blank lines (the first is line {line}) are left out; they hold no rows"]


def test_blank_lines_of_plain_text_are_empty_texts(file):
    examples = read_unlabelled(file("a.txt", "a\n\n  \nb\n"), TASK)
    assert [(each.fields["text"], each.line) for each in examples] == [("a", 1), ("", 2), ("  ", 3), ("b", 4)]


@pytest.mark.parametrize("name", ["a.txt", "a.en", "a.deu"])
def test_a_file_named_by_its_language_has_a_text_per_line(file, name):
    path = file(name, "one\n\nthree, four\n")
    found = read_unlabelled(path, task_named("seq2seq"))
    assert [(each.fields["source"], each.line) for each in found] == [("one", 1), ("", 2), ("three, four", 3)]
    pair = read_unlabelled(f"{path},{path}", task_named("seq2seq"))
    assert [each.fields["source"] for each in pair] == ["one", "three, four"]
