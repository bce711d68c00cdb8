"""Every text of labelled files and of raw text is read, as often as it is asked for."""

import gzip
import json

import pytest

from kerasbert.errors import DataError
from kerasbert.runs.texts import Texts


def test_every_value_of_labelled_files_that_is_a_text(file, tmp_path):
    file("a.csv", 'text,label,stars\n"He said ""no"", twice",bad,3\n')
    file("b.jsonl", json.dumps({"question": "Who?", "answers": {"text": ["Ann", "Bo"]}, "n": 3}) + "\n")
    file("c.conll", "Ann B\nleft O\n")
    paragraph = {"context": "Ann left.", "qas": [{"id": 1, "question": "Who left?", "answers": []}]}
    file("d.json", json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    found = [text for name in ("a.csv", "b.jsonl", "c.conll", "d.json") for text in Texts([tmp_path / name])]
    assert found[:3] == ['He said "no", twice', "bad", "3"]
    assert found[3:7] == ["Who?", "Ann Bo", "Ann", "Bo"]
    assert {"Ann left", "Ann", "left", "B", "O"} <= set(found[7:-2])
    assert found[-2:] == ["Ann left.", "Who left?"]


def test_raw_text_and_labelled_files_together_and_twice(file, tmp_path):
    file("a.csv", "text\nfirst\n \n")
    file("b.txt", "second,\nline\n\nthird")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"fourth"))
    told = []
    texts = Texts([tmp_path], told=told.append)
    assert list(texts) == list(texts) == ["first", "second,\nline\n", "third", "fourth"]
    assert sum(told) == 2 * texts.size


def test_raw_text_can_be_named_so(file):
    path = file("a.csv", "text,label\nx,1\n")
    assert list(Texts([path], documents="files")) == ["text,label\nx,1\n"]


def test_lines_of_json_in_a_compressed_file_are_documents(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n{"text": "two"}\n'))
    assert list(Texts([tmp_path / "a.jsonl.gz"])) == ["one", "two"]


def test_a_file_that_cannot_be_read_is_named(file):
    path = file("a.csv", b"text\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: byte 0xe9 is not UTF-8"):
        list(Texts([path]))
