"""Words and the text that they make."""

import dataclasses

import numpy as np
import pytest

from kerasbert.errors import TokenizerError
from kerasbert.tasks import task_named
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.fields import Field
from kerasbert.tasks.task import Example, Graph, Input, Output, Row
from kerasbert.tasks.words import as_text, join_words

FIELDS = (Field("text", ("text",), option="text", kind="text or words"),)
TASK = dataclasses.replace(task_named("text-classification"), fields=FIELDS)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["New", "York", "!"], "New York !"),
        (["😀", "a b", "c"], "😀 a b c"),
        (list("李开复感动"), "李开复感动"),
        (["我", "爱", "New", "York", "。", "Ok"], "我爱New York。Ok"),
        (["東京", "タワー", "。"], "東京タワー。"),
        (["정말", "하루"], "정말 하루"),
    ],
)
def test_words_are_joined_as_their_script_is_written(words, text):
    joined, places = join_words(words)
    assert joined == text == as_text(words) == as_text(text)
    assert [joined[begin:end] for begin, end in places] == words


def test_a_column_may_mix_texts_and_words():
    found = TASK.examples(["New York", ["New", "York"]])
    assert [each.fields["text"] for each in found] == ["New York", ["New", "York"]]
    assert TASK.examples("New York")[0].fields == found[0].fields
    with pytest.raises(TokenizerError, match=r"^text\[1\] is \['a', 3\] \(list\), not a text or list of words$"):
        TASK.examples(["a", ["a", 3]])


def test_a_file_that_takes_texts_gets_words_as_their_text():
    graph = Graph("model", (Input("text", "text"),), (Output("logits", "token", "choice"),))
    rows = [Row(Example({"text": value}), {}) for value in ("a b", ["New", "York"])]
    assert pad_rows(rows, graph)["text"].tolist() == ["a b", "New York"]
    assert pad_rows(rows, graph)["text"].dtype == np.dtype(object)
