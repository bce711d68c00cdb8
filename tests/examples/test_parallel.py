"""Two files whose lines belong together, and seq2seq's other files."""

import gzip
import json
import logging

import pytest

from kerasbert.errors import DataError
from kerasbert.examples.parallel import read_parallel
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks import task_named
from kerasbert.tasks.seq2seq import TASK, truth


def files(folder, source, target, ending=""):
    found = []
    for name, text in (("train.en", source), ("train.de", target)):
        path = folder / f"{name}{ending}"
        path.write_bytes(gzip.compress(text.encode()) if ending else text.encode())
        found.append(path)
    return found


def pairs(examples):
    return [(each.fields["source"], each.truth) for each in examples]


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("last", ["", "\n", "\r\n"])
def test_lines_with_the_same_number_belong_together(tmp_path, ending, last):
    paths = files(tmp_path, f"\ufeffa dog\nsnow\u2028falls{last}", f"ein Hund\r\nes schneit{last}", ending)
    examples = read_parallel(*paths, TASK)
    assert pairs(examples) == [("a dog", "ein Hund"), ("snow\u2028falls", "es schneit")]
    assert [each.place for each in examples] == [f"{paths[0]}, line 1", f"{paths[0]}, line 2"]


def test_two_files_are_named_with_a_comma(tmp_path, monkeypatch):
    paths = files(tmp_path, "a dog\n", "ein Hund\n", ".gz")
    assert pairs(read_examples(",".join(map(str, paths)), TASK)) == [("a dog", "ein Hund")]
    named = tmp_path / "a,b.tsv"
    named.write_text("source\ttarget\none\teins\n", encoding="utf-8")
    assert pairs(read_examples(named, TASK)) == [("one", "eins")]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^train.en.gz,train.de.gz: two files have no columns to name"):
        read_examples("train.en.gz,train.de.gz", TASK, columns={"source": "en"})
    wanted = (
        r"^train.en.gz: two files hold a text and its answer, but question-answering has question and context and an"
    )
    with pytest.raises(DataError, match=wanted):
        read_examples("train.en.gz,train.de.gz", task_named("question-answering"))


def test_one_of_the_two_files_is_refused_with_what_to_give(tmp_path):
    source, _ = files(tmp_path, "a\n", "A\n")
    known = r"train.en: files named '.en' are not read for [a-z0-9-]+; use .csv, .tsv, .jsonl, .conll"
    with pytest.raises(DataError, match=rf"{known}, or two files .* such as train.en,train.de$"):
        read_examples(source, TASK)
    with pytest.raises(DataError, match=rf"{known.replace('en', 'lines')}, or .txt with one text per line$"):
        read_unlabelled(source.rename(tmp_path / "train.lines"), TASK)


def test_pairs_with_an_empty_side_are_counted_and_left_out(tmp_path, caplog):
    source, target = files(tmp_path, "a\n \nc\nd\n", "A\nB\n\nD\n")
    with caplog.at_level(logging.WARNING, "kerasbert"):
        examples = read_parallel(source, target, TASK)
    assert [each.line for each in examples] == [1, 4]
    (record,) = caplog.records
    wanted = f"{source} and {target}: 2 pairs (the first is line 2) left out, because a side is empty"
    assert record.getMessage() == wanted


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a\nb\n", "A\n", r"train.en: 2 lines, but .*train.de has 1; line by line they must belong together$"),
        ("", "", r"train.en: no line has a text both here and in .*train.de$"),
        ("a\n\n", "\nB\n", r"train.en: no line has a text both here and in .*train.de$"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path, source, target, message):
    with pytest.raises(DataError, match=message):
        read_parallel(*files(tmp_path, source, target), TASK)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    source, target = files(tmp_path, "a\n", "A\n")
    with pytest.raises(DataError, match=r"missing.de: no such file$"):
        read_parallel(source, tmp_path / "missing.de", TASK)
    target.write_bytes(b"A\n\xff\n")
    with pytest.raises(DataError, match=r"train.de, line 2: byte 0xff is not UTF-8"):
        read_parallel(source, target, TASK)
    packed = files(tmp_path, "a\n", "A\n", ".gz")
    packed[0].write_bytes(packed[0].read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train.en.gz: cannot be unpacked \(.*\); gzip it again, or give the plain"):
        read_parallel(*packed, TASK)


@pytest.mark.parametrize(
    "names", [("source", "target"), ("src", "tgt"), ("document", "summary"), ("Text", "Reference")]
)
def test_tables_and_json_lines_have_the_usual_names(tmp_path, names):
    table, lines = tmp_path / "a.tsv", tmp_path / "a.jsonl"
    table.write_text("\t".join(names) + '\na "dog"\tein Hund\n', encoding="utf-8")
    lines.write_text(json.dumps(dict(zip(names, ['a "dog"', "ein Hund"], strict=True))) + "\n", encoding="utf-8")
    for path in (table, lines):
        assert pairs(read_examples(path, TASK)) == [('a "dog"', "ein Hund")]


def test_json_lines_may_have_sentences_and_several_right_texts(tmp_path):
    path = tmp_path / "papers.jsonl"
    path.write_text('{"source": ["One.", "Two."], "target": ["first", "second"]}\n', encoding="utf-8")
    (example,) = read_examples(path, TASK)
    assert example.fields["source"] == ["One.", "Two."]
    assert truth(example, None) == ["first", "second"]


def test_json_lines_of_the_hub_have_their_languages_inside(tmp_path):
    path = tmp_path / "wmt.jsonl"
    path.write_text('{"id": "0", "translation": {"en": "a dog", "de": "ein Hund"}}\n', encoding="utf-8")
    columns = {"source": "en", "label": "de"}
    assert pairs(read_examples(path, TASK, columns=columns)) == [("a dog", "ein Hund")]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a", "", r"line 1: the target is empty; give it some text, or leave the line out$"),
        (" ", "A", r"line 1: the source is empty; give it some text, or leave the line out$"),
        ("a", {"de": "A"}, r"line 1: the target is \{'de': 'A'\}; give a text, or a list of texts$"),
        ("a", [], r"line 1: the target is \[\]; give a text, or a list of texts$"),
    ],
)
def test_a_pair_that_cannot_be_learned_is_named(tmp_path, source, target, message):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"source": source, "target": target}) + "\n", encoding="utf-8")
    examples = read_examples(path, TASK)
    with pytest.raises(DataError, match=message):
        TASK.check(examples, None)
