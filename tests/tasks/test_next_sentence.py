"""Next sentence without a model: right answers, figures and settings."""

import numpy as np
import pytest
from conftest import small_vocabulary

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.next_sentence import LABELS, TASK, Settings
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

SETTINGS = Settings(max_length=12)
PAIR = {"text": "the film", "text_pair": "was good"}


@pytest.mark.parametrize(
    ("value", "label"),
    [("is_next", 0), (" not_next ", 1), (0, 0), (1, 1), ("0", 0), ("1", 1)],
)
def test_a_right_answer_is_a_label_or_its_number(value, label):
    example = Example(PAIR, value)
    assert TASK.truth(example, SETTINGS) == LABELS[label]
    (row,) = TASK.rows(WordPieceTokenizer(small_vocabulary()), example, SETTINGS)
    _, wanted, weights = TASK.targets(None, row, SETTINGS)
    assert (wanted, weights) == ({"logits": label}, {})


@pytest.mark.parametrize("value", ["next", 2, "2", True, 0.0, "", None])
def test_another_value_is_an_error_with_its_place(value):
    said = rf"^a.csv, line 3: unknown label {value!r}; give is_next \(0\) or not_next \(1\)$"
    with pytest.raises(DataError, match=said):
        TASK.truth(Example(PAIR, value, 3, "a.csv"), SETTINGS)


def test_figures_begin_with_accuracy():
    logits = ([2.0, 1.0], [0.0, 1.0], [3.0, 1.0])
    answered = [
        Answered(example=Example(PAIR, value), rows=[], outputs={"logits": [np.float32(each)]})
        for value, each in zip((0, "is_next", 1), logits, strict=True)
    ]
    figures = TASK.figures(answered, SETTINGS)
    assert list(figures) == list(TASK.metrics(SETTINGS)) == ["accuracy", "macro_f1"]
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert TASK.by_class(answered, SETTINGS)["not_next"]["support"] == 1
    assert TASK.picture(answered, SETTINGS).counts == ((1, 1), (1, 0))


def test_labels_are_two_names():
    other = Settings(max_length=12, labels=["follows", "random"])
    assert TASK.truth(Example(PAIR, 1), other) == "random"
    assert TASK.decode(Example(PAIR), [], {"logits": [np.zeros(2)]}, other)["label"] == "follows"
    with pytest.raises(ConfigError, match=r"^labels are a, b, c: give two, and first that the second text follows$"):
        Settings(max_length=12, labels=["a", "b", "c"])
