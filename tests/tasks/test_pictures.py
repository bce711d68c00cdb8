"""What a drawing of answers shows, against scikit-learn's counts; and parts of answers."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from kerasbert.tasks import task_named, token_classification
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.figures import pictures
from kerasbert.tasks.task import Example
from kerasbert.tasks.text_classification import NUMBER, SEVERAL, SINGLE

LABELS = ("a", "b", "c", "d")
TASK = task_named("text-classification")


def test_a_confusion_matrix_is_that_of_scikit_learn():
    true, predicted = np.random.default_rng(1).choice(LABELS[:3], (2, 60))  # no text is "d"
    found = pictures.confusion(true, predicted, LABELS)
    assert found.counts == tuple(map(tuple, confusion_matrix(true, predicted, labels=LABELS).tolist()))
    assert found.as_data()["confusion"]["rows"] == LABELS


def test_several_labels_are_counted_as_scikit_learn_counts_them():
    true, predicted = np.random.default_rng(2).random((2, 40, 4)) < [0.5, 0.2, 0.9, 0.0]
    as_sets = [[frozenset(np.array(LABELS)[row]) for row in rows] for rows in (true, predicted)]
    found = pictures.found(*as_sets, LABELS)
    wanted = [(both[1, 1], both[1, 0], both[0, 1]) for both in multilabel_confusion_matrix(true, predicted)]
    assert found.counts == tuple(wanted)
    assert found.columns == ("found", "missed", "given wrongly")


def test_words_are_counted_by_the_type_of_their_tag(monkeypatch):
    tags = [["B-A", "O", "O", "B-B"], ["B-B", "B-A"]], [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
    monkeypatch.setattr(token_classification, "_predicted_and_true", lambda answered, settings: tags)
    found = token_classification.picture([], None)
    assert (found.rows, found.counts) == (("O", "A", "B"), ((1, 0, 1), (1, 2, 0), (0, 0, 1)))


def answered(logits, truth):
    return Answered(example=Example({"text": "a"}, truth), rows=(), outputs={"logits": [np.array(logits)]})


def test_a_classifiers_picture_is_of_its_kind():
    settings = TASK.Settings(labels=("n",), problem_type=NUMBER, max_length=8)
    found = TASK.picture([answered([1.5], "1"), answered([2.0], "3")], settings)
    assert (found, found.as_data()) == (pictures.Points(true=(1.0, 3.0), predicted=(1.5, 2.0)), {})
    settings = TASK.Settings(labels=("a", "b"), problem_type=SEVERAL, max_length=8)
    found = TASK.picture([answered([1, 1], "a"), answered([-1, -1], "a|b")], settings)
    assert found.counts == ((1, 1, 0), (0, 1, 1))


# Parts of answers


@pytest.mark.parametrize(
    ("kind", "choice", "wanted"),
    [
        (SINGLE, {"all_scores": True}, ["b", "c", "a"]),
        (SINGLE, {"top_k": 2}, ["b", "c"]),
        (SINGLE, {"top_k": 9}, ["b", "c", "a"]),
        (SEVERAL, {"threshold": 0.6}, ["b"]),
        (SEVERAL, {"threshold": 0.0}, ["b", "c", "a"]),
        (SEVERAL, {"threshold": 0.3, "top_k": 1}, ["b"]),
        (SEVERAL, {"all_scores": True}, ["b", "c", "a"]),
    ],
)
def test_labels_are_chosen_by_rank_and_score(kind, choice, wanted):
    settings = TASK.Settings(labels=("a", "b", "c"), problem_type=kind, max_length=8)
    assert choice.keys() <= set(TASK.choices(settings))
    outputs = {"logits": [np.array([-2.0, 1.0, 0.0])]}
    found = TASK.choose(Example({"text": "a"}), (), outputs, settings, Choice(**choice))
    assert [each["label"] for each in found] == wanted
    exponents = np.exp([-2.0, 1.0, 0.0])
    scores = exponents / exponents.sum() if kind == SINGLE else exponents / (1 + exponents)
    by_label = dict(zip("abc", scores, strict=True))
    assert [each["score"] for each in found] == pytest.approx([by_label[label] for label in wanted])


@pytest.mark.parametrize(
    ("kind", "labels", "wanted"),
    [
        (SINGLE, "ab", {"top_k", "all_scores"}),
        (SEVERAL, "ab", {"top_k", "all_scores", "threshold"}),
        (NUMBER, "a", set()),
    ],
)
def test_what_means_nothing_is_no_choice(kind, labels, wanted):
    settings = TASK.Settings(labels=tuple(labels), problem_type=kind, max_length=8)
    assert set(TASK.choices(settings)) == wanted
