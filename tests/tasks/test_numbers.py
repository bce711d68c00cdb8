"""Numbers beside the text: the fields, rows and golden examples of a task that takes them."""

import numpy as np
import pytest

from kerasbert.errors import DataError
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.fields import Field
from kerasbert.tasks.numbers import numbers_of, with_numbers
from kerasbert.tasks.task import Example, Graph, Input, Output, Row

INPUTS = (Input("price", "number", width=1), Input("sizes", "number", width=3))
GRAPH = Graph("model", (Input("input_ids"), *INPUTS), (Output("logits", "row", "choice", 2),))


@pytest.mark.parametrize("name", NAMES)
def test_any_task_gets_fields_and_golden_numbers(name):
    task = task_named(name)
    wider = with_numbers(task, INPUTS)
    assert [field.name for field in wider.fields] == [*(field.name for field in task.fields), "price", "sizes"]
    for examples in (wider.golden, wider.calibration):
        assert len({example.fields["price"] for example in examples}) > 1
        for example in examples:
            assert all(field.holds(example.fields[field.name]) for field in wider.fields if field.required)
            assert len(set(example.fields["sizes"])) == 3
    assert with_numbers(task, ()) is task


def test_the_inputs_of_numbers_are_found():
    assert numbers_of([GRAPH, GRAPH]) == INPUTS


def row(**fields) -> Row:
    return Row(Example({"text": "a", **fields}), {"input_ids": [1, 2]})


def test_a_batch_has_the_numbers_as_they_are():
    batch = pad_rows([row(price=0.1, sizes=[1, 2, 3]), row(price=[2.0], sizes=(4.0, 5.0, 6.0))], GRAPH)
    assert (batch["price"].dtype, batch["sizes"].dtype) == ("float32", "float32")
    np.testing.assert_array_equal(batch["price"], np.float32([[0.1], [2.0]]))
    np.testing.assert_array_equal(batch["sizes"], [[1, 2, 3], [4, 5, 6]])
    assert "sizes" not in pad_rows([row(price=1.0)], GRAPH)


def test_another_number_of_numbers_is_refused():
    with pytest.raises(DataError, match=r"^an example: 2 numbers in price, but the model takes 1$"):
        pad_rows([row(price=[1.0, 2.0], sizes=[1, 2, 3])], GRAPH)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("3.5", 3.5),
        (" 4 ", 4.0),
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1.0, 2.0]),
        ((1, "2"), [1.0, 2.0]),
        (7, 7.0),
    ],
)
def test_a_number_of_a_file_or_of_numpy_is_a_float(value, read):
    field = Field("price", ("price",), option="price", kind="number")
    assert field.read(value) == read
    assert field.holds(field.read(value))


@pytest.mark.parametrize("value", ["cheap", "", None, "nan", "inf", float("nan"), [1.0, None], {"a": 1}])
def test_what_is_no_number_is_not_held(value):
    field = Field("price", ("price",), option="price", kind="number")
    assert not field.holds(field.read(value))
