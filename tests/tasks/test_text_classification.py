"""Text classification: logits -> answers, against closed forms, and what a file says of its texts -> targets."""

import math

import numpy as np
import pytest

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Row
from kerasbert.tasks.text_classification import NUMBER, PROBLEM_TYPES, SEVERAL, SINGLE, TASK, Settings, labels_of

EXAMPLE = Example({"text": "a"})


def settings(problem_type, *labels):
    return Settings(labels=labels, problem_type=problem_type, max_length=16)


def decode(logits, problem_type, *labels):
    """The answer of one row of logits."""
    return TASK.decode(EXAMPLE, [], {"logits": [logits]}, settings(problem_type, *labels))


def examples(*truths):
    """One example per label, from line 2 on."""
    return [Example({"text": "text"}, truth, line, "a.csv") for line, truth in enumerate(truths, 2)]


# Logits become answers.


def test_a_single_label_is_the_most_probable_with_its_share():
    for shares, label, score in (([0.2, 0.8], "yes", 0.8), ([0.75, 0.25], "no", 0.75)):
        answer = decode(np.log(np.array(shares, "float32")), SINGLE, "no", "yes")
        assert answer == {"label": label, "score": pytest.approx(score)}


def test_of_equal_logits_the_first_label_is_taken():
    assert decode(np.zeros(4), SINGLE, *"abcd") == {"label": "a", "score": 0.25}


def test_several_labels_are_those_above_one_half_each_with_its_own_score():
    logits = np.array([0.0, math.log(3), -math.log(3), math.log(9)])
    assert decode(logits, SEVERAL, *"abcd") == [
        {"label": "b", "score": pytest.approx(0.75)},
        {"label": "d", "score": pytest.approx(0.9)},
    ]
    assert decode(np.array([-1.0, -2.0]), SEVERAL, "a", "b") == []


def test_several_labels_follow_the_sign_of_the_logit_as_the_metrics_do():
    """The score of both rounds to 0.5."""
    assert decode(np.array([1e-20, -1e-20]), SEVERAL, "a", "b") == [{"label": "a", "score": 0.5}]


def test_a_number_is_its_own_score():
    assert decode(np.array([2.5], "float32"), NUMBER, "stars") == {"label": "stars", "score": 2.5}
    assert decode(np.array([-1.0], "float32"), NUMBER, "stars") == {"label": "stars", "score": -1.0}


@pytest.mark.parametrize("problem_type", PROBLEM_TYPES)
def test_answers_are_plain_python_values(problem_type):
    """So that json.dumps takes them."""
    labels = ["a"] if problem_type == NUMBER else ["a", "b"]
    answer = decode(np.ones(len(labels), "float32"), problem_type, *labels)
    for each in answer if isinstance(answer, list) else [answer]:
        assert {name: type(value) for name, value in each.items()} == {"label": str, "score": float}


@pytest.mark.parametrize(
    ("problem_type", "bar", "labels"), [(SINGLE, "choice", "abc"), (SEVERAL, "choices", "a"), (NUMBER, "number", "a")]
)
def test_the_graph_has_one_logit_per_label(problem_type, bar, labels):
    (graph,) = TASK.graphs(settings(problem_type, *labels))
    (output,) = graph.outputs
    assert (output.name, output.axis, output.bar, output.width) == ("logits", "row", bar, len(labels))


# Two answers are compared.


@pytest.mark.parametrize(
    ("problem_type", "labels", "a", "b", "wanted"),
    [
        (SINGLE, "ab", {"label": "a", "score": 0.9}, {"label": "a", "score": 0.6}, True),
        (SINGLE, "ab", {"label": "a", "score": 0.51}, {"label": "b", "score": 0.51}, False),
        (SEVERAL, "ab", [], [], True),
        (SEVERAL, "ab", [{"label": "a", "score": 0.9}], [{"label": "a", "score": 0.6}], True),
        (SEVERAL, "ab", [{"label": "a", "score": 0.9}], [], False),
        (SEVERAL, "ab", [{"label": "a", "score": 0.9}], [{"label": "b", "score": 0.9}], False),
        (NUMBER, "a", {"label": "a", "score": 0.0}, {"label": "a", "score": 0.05}, True),
        (NUMBER, "a", {"label": "a", "score": 0.0}, {"label": "a", "score": -0.06}, False),
        (NUMBER, "a", {"label": "a", "score": 100.0}, {"label": "a", "score": 104.9}, True),
        (NUMBER, "a", {"label": "a", "score": 100.0}, {"label": "a", "score": 106.0}, False),
        (NUMBER, "a", {"label": "a", "score": math.nan}, {"label": "a", "score": math.nan}, False),
    ],
)
def test_answers_are_the_same_by_label_or_by_number(problem_type, labels, a, b, wanted):
    assert TASK.same(a, b, settings(problem_type, *labels)) is wanted
    assert TASK.same(b, a, settings(problem_type, *labels)) is wanted


# What a file says.


@pytest.mark.parametrize(
    ("problem_type", "truths", "labels"),
    [
        (SINGLE, ["b", "a", " b ", "c"], ("a", "b", "c")),
        (SINGLE, ["10", "9", "2"], ("2", "9", "10")),
        (SINGLE, ["10", "9", "x"], ("10", "9", "x")),
        (SINGLE, [1, 0, "1"], ("0", "1")),
        (SINGLE, [True, False], ("False", "True")),
        (SEVERAL, ["b|a", "", "c | a"], ("a", "b", "c")),
        (SEVERAL, [["b", "a, or b"], [], [3]], ("3", "a, or b", "b")),
        (NUMBER, ["1.5", "2"], ("value",)),
    ],
)
def test_labels_of_a_training_file_are_sorted(problem_type, truths, labels):
    assert labels_of(examples(*truths), problem_type) == labels
    found = TASK.observe(examples(*truths), {"problem_type": problem_type, "labels": None})
    assert found == {"labels": labels, "pairs": False}


@pytest.mark.parametrize(
    ("problem_type", "known", "labels"),
    [
        (SINGLE, ["b", "a"], ("b", "a")),
        (SEVERAL, ["b", "a"], ("b", "a")),
        (SINGLE, ["c", "a"], ("a", "b")),
        (SINGLE, ["c", "b", "a"], ("a", "b")),
        (NUMBER, ["stars"], ("stars",)),
        (NUMBER, ["b", "a"], ("value",)),
    ],
)
def test_known_labels_keep_their_order_if_they_are_the_same(problem_type, known, labels):
    """Training then goes on with the classifier of the checkpoint."""
    assert labels_of(examples("a", "b"), problem_type, known) == labels


@pytest.mark.parametrize(
    ("problem_type", "truths", "message"),
    [
        (SINGLE, ["a", "a"], r"^a.csv: labels found: a; at least 2 are needed to learn$"),
        (SEVERAL, ["", "|"], r"^a.csv: labels found: none; at least 1 are needed to learn$"),
        (SINGLE, ["a", "  "], r"^a.csv, line 3: the label is missing; give it a name$"),
        (SINGLE, ["a", 0.5], r"^a.csv, line 3: 0.5 is not a label; give it a name$"),
        (SINGLE, ["a", {"b": 1}], r"^a.csv, line 3: {'b': 1} is not a label; give it a name$"),
        (SINGLE, [["a"], "b"], r"^a.csv, line 2: a list of labels; for several labels per text, choose multi_label"),
        (SEVERAL, ["a", ["b", None]], r"^a.csv, line 3: the label is missing; give it a name$"),
    ],
)
def test_what_is_no_label_is_named_with_its_line(problem_type, truths, message):
    with pytest.raises(DataError, match=message):
        labels_of(examples(*truths), problem_type)


def targets(truths, labels, problem_type):
    """The targets of examples as one array."""
    chosen = settings(problem_type, *labels)
    made = []
    for example in examples(*truths):
        row = Row(example, {"input_ids": [1, 2]})
        inputs, wanted, weights = TASK.targets(None, row, chosen)
        assert (inputs, list(wanted), weights) == (row.inputs, ["logits"], {})
        made.append(wanted["logits"])
    return np.stack(made)


def test_single_labels_are_numbers_in_the_models_order():
    numbers = targets(["b", "a", " b"], ["b", "a"], SINGLE)
    assert numbers.dtype == "int32"
    assert numbers.tolist() == [0, 1, 0]


def test_several_labels_are_rows_of_zeros_and_ones():
    rows = targets(["b|a", "", ["c"], "c|"], ["a", "b", "c"], SEVERAL)
    assert rows.dtype == "float32"
    np.testing.assert_array_equal(rows, [[1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 1]])


def test_numbers_are_a_column():
    values = targets(["1.5", 2, " -3e2 "], ["value"], NUMBER)
    assert values.dtype == "float32"
    np.testing.assert_array_equal(values, [[1.5], [2], [-300]])


@pytest.mark.parametrize(
    ("problem_type", "truth", "labels", "wanted"),
    [
        (SINGLE, " b ", "ab", "b"),
        (SINGLE, 1, "01", "1"),
        (SEVERAL, "b|a", "abc", {"a", "b"}),
        (SEVERAL, ["c"], "abc", {"c"}),
        (SEVERAL, "", "abc", set()),
        (NUMBER, "1e3", "v", 1000.0),
    ],
)
def test_the_truth_is_a_label_a_set_of_labels_or_a_number(problem_type, truth, labels, wanted):
    assert TASK.truth(examples(truth)[0], settings(problem_type, *labels)) == wanted


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e39", "", "many", float("nan"), [1.0], None])
def test_what_is_no_finite_number_is_named_with_its_line(value):
    with pytest.raises(DataError, match=r"^a.csv, line 3: .* is not a finite number$"):
        targets(["1", value], ["value"], NUMBER)


@pytest.mark.parametrize(("problem_type", "label"), [(SINGLE, "odd"), (SEVERAL, "b|odd"), (SEVERAL, ["odd"])])
def test_a_label_that_the_model_does_not_know_is_named_with_its_line(problem_type, label):
    with pytest.raises(DataError, match=r"^a.csv, line 3: unknown label 'odd'; the model knows a, b$"):
        targets(["a", label], ["a", "b"], problem_type)


def test_of_many_known_labels_only_some_are_listed():
    known = [str(number) for number in range(77)]
    with pytest.raises(DataError, match=r"the model knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.$"):
        targets(["odd"], known, SINGLE)


def test_figures_compare_answers_with_what_the_file_says():
    def answered(*truths):
        logits = ([2.0, 0.0], [0.0, 2.0])
        return [
            Answered(example=example, rows=[Row(example, {})], outputs={"logits": [np.float32(row)]})
            for example, row in zip(examples(*truths), logits, strict=True)
        ]

    figures = TASK.figures(answered(" a", "a"), settings(SINGLE, "a", "b"))
    assert figures["accuracy"] == 0.5
    assert TASK.headline in figures
    with pytest.raises(DataError, match=r"^a.csv, line 3: unknown label 'odd'"):
        TASK.figures(answered("a", "odd"), settings(SINGLE, "a", "b"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": "ab"}, r"^labels is 'ab': give a list of names$"),
        ({"labels": [1, 2]}, r"^labels is \[1, 2\]: give a list of names$"),
        ({"labels": []}, r"^labels is empty: give names such as"),
        ({"labels": ["a", "b", "a"]}, r"^labels repeat: a$"),
        ({"labels": ["a"]}, r"^one label \('a'\) leaves nothing to choose: give two or more, or another problem_type$"),
        ({"problem_type": "ranking"}, r"^problem_type is 'ranking': use one of single_label_classification, multi"),
        ({"problem_type": NUMBER}, r"^regression has one value, but 2 labels are given$"),
        ({"pooling": "max"}, r"^pooling is 'max': use one of cls, mean, additive$"),
        ({"max_length": 2}, r"^max_length is 2: use 3 or more$"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**{"labels": ["a", "b"], "max_length": 16, **values})
