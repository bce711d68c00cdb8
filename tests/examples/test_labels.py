"""What a file says of its texts -> numbers."""

import numpy as np
import pytest

from kerasbert.errors import DataError
from kerasbert.examples.labels import label_names, targets
from kerasbert.examples.readers import Example

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def examples(*labels):
    """One a label, from line 2 on."""
    return [Example("text", None, label, line) for line, label in enumerate(labels, 2)]


@pytest.mark.parametrize(
    ("problem_type", "labels", "names"),
    [
        (SINGLE, ["b", "a", " b ", "c"], ["a", "b", "c"]),
        (SINGLE, ["10", "9", "2"], ["2", "9", "10"]),
        (SINGLE, ["10", "9", "x"], ["10", "9", "x"]),
        (SINGLE, [1, 0, "1"], ["0", "1"]),
        (SINGLE, [True, False], ["False", "True"]),
        (MULTI, ["b|a", "", "c | a"], ["a", "b", "c"]),
        (MULTI, [["b", "a, or b"], [], [3]], ["3", "a, or b", "b"]),
        (REGRESSION, ["1.5", "2"], ["value"]),
    ],
)
def test_labels_of_a_training_file_are_sorted(problem_type, labels, names):
    assert label_names(examples(*labels), problem_type, path="a.csv") == names


@pytest.mark.parametrize(
    ("problem_type", "labels", "message"),
    [
        (SINGLE, ["a", "a"], r"^a.csv: labels found: a; 2 at least are needed to learn$"),
        (MULTI, ["", "|"], r"^a.csv: labels found: none; 1 at least are needed to learn$"),
        (SINGLE, ["a", "  "], r"^a.csv, line 3: '  ' is no label$"),
        (SINGLE, ["a", 0.5], r"^a.csv, line 3: 0.5 is no label$"),
        (SINGLE, ["a", {"b": 1}], r"^a.csv, line 3: {'b': 1} is no label$"),
        (SINGLE, [["a"], "b"], r"^a.csv, line 2: a list of labels; for several a text, choose multi_label"),
        (MULTI, ["a", ["b", None]], r"^a.csv, line 3: None is no label$"),
    ],
)
def test_what_is_no_label_is_named_with_its_line(problem_type, labels, message):
    with pytest.raises(DataError, match=message):
        label_names(examples(*labels), problem_type, path="a.csv")


def test_single_labels_are_numbers_in_the_models_order():
    numbers = targets(examples("b", "a", " b"), ["b", "a"], SINGLE, path="a.csv")
    assert numbers.dtype == "int32"
    assert numbers.tolist() == [0, 1, 0]


def test_multi_labels_are_rows_of_zeros_and_ones():
    rows = targets(examples("b|a", "", ["c"], "c|"), ["a", "b", "c"], MULTI, path="a.csv")
    assert rows.dtype == "float32"
    np.testing.assert_array_equal(rows, [[1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 1]])


def test_values_of_a_regression_are_a_column():
    values = targets(examples("1.5", 2, " -3e2 "), ["value"], REGRESSION, path="a.csv")
    assert values.dtype == "float32"
    np.testing.assert_array_equal(values, [[1.5], [2], [-300]])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e39", "", "many", float("nan"), [1.0], None])
def test_what_is_no_finite_number_is_named_with_its_line(value):
    with pytest.raises(DataError, match=r"^a.csv, line 3: .* is not a finite number$"):
        targets(examples("1", value), ["value"], REGRESSION, path="a.csv")


@pytest.mark.parametrize(("problem_type", "label"), [(SINGLE, "odd"), (MULTI, "b|odd"), (MULTI, ["odd"])])
def test_a_label_that_the_model_does_not_know_is_named_with_its_line(problem_type, label):
    with pytest.raises(DataError, match=r"^a.csv, line 3: unknown label 'odd'; the model knows a, b$"):
        targets(examples("a", label), ["a", "b"], problem_type, path="a.csv")


def test_of_many_known_labels_only_some_are_listed():
    known = [str(number) for number in range(77)]
    with pytest.raises(DataError, match=r"the model knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.$"):
        targets(examples("odd"), known, SINGLE, path="a.csv")


@pytest.mark.parametrize("problem_type", ["embedding", "feature_extraction"])
def test_a_model_without_labels_has_nothing_to_be_measured_on(problem_type):
    with pytest.raises(
        DataError, match=f"^dev.csv: a model without labels \\({problem_type}\\) has nothing to be measured"
    ):
        targets([Example("a", None, "good", 2)], [], problem_type, path="dev.csv")
