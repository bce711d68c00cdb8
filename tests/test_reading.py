"""Files are read whole, or one line says what is wrong with them; nothing waits for a pipe."""

import os
import re

import pytest

from kerasbert.errors import DataError
from kerasbert.reading import parse, read_json, read_text


def test_text_is_utf8_without_its_mark(file):
    assert read_text(file("a.txt", "\ufeffé\r\n\u2028"), DataError) == "é\r\n\u2028"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\n\xff", "a.json, line 3: byte 0xff is not UTF-8; save the file as UTF-8"),
        ("[1]", "a.json: holds a JSON list, not an object"),
        ("{", "a.json: cannot be read as JSON (Expecting property name"),
        ("[" * 100_000, "a.json: cannot be read as JSON (it is nested too deeply)"),
        ('{"a": ' * 100_000, "a.json: cannot be read as JSON (it is nested too deeply)"),
        ('{"a": "\\ud83d"}', "a.json: cannot be read as JSON (\\ud83d is half of a surrogate pair, no character)"),
        ('{"\\uDE00": 1}', "a.json: cannot be read as JSON (\\ude00 is half of a surrogate pair, no character)"),
        ('{"a": ' + "9" * 5000 + "}", "a.json: cannot be read as JSON (Exceeds the limit"),
    ],
)
def test_what_is_wrong_is_one_line(file, content, message):
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        read_json(file("a.json", content), DataError)
    assert "\n" not in str(raised.value)


def test_whole_surrogate_pairs_are_characters():
    assert parse('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_a_pipe_a_folder_and_a_missing_file_are_named(tmp_path):
    """A pipe that nobody writes to would be waited for forever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("pipe", "is a pipe or a device, not a regular file"),
        ("folder", r"cannot be read \(Is a directory\)"),
        ("none", "no such file"),
    ):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_text(tmp_path / name, DataError)
