"""kerasbert predict: examples from texts on the command line."""

import dataclasses

import click
import pytest

from kerasbert.cli.predict import _examples
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Example, Field

TASK = task_named("text-classification")


def task_of(*fields):
    return dataclasses.replace(TASK, name="a-task", fields=fields)


TEXT, PAIR = TASK.fields
CONTEXT = Field("context", ("context",), option="context")


def test_a_further_field_goes_with_each_text():
    assert _examples(TASK, ("a", "b"), {}) == [Example({"text": "a"}), Example({"text": "b"})]
    wanted = [Example({"text": "a", "text_pair": "c"}), Example({"text": "b", "text_pair": "c"})]
    assert _examples(TASK, ("a", "b"), {"text_pair": "c"}) == wanted


@pytest.mark.parametrize(
    ("fields", "others", "said"),
    [
        ((TEXT, CONTEXT), {}, "a-task needs --context, the context that goes with each of TEXTS"),
        ((TEXT,), {"text_pair": "c"}, "a-task takes no --pair"),
        (
            (dataclasses.replace(TEXT, kind="words"),),
            {},
            "a-task takes a list of words for text: give --input FILE, such as a .jsonl file",
        ),
    ],
)
def test_examples_that_cannot_be_made_are_one_line(fields, others, said):
    with pytest.raises(click.UsageError) as refused:
        _examples(task_of(*fields), ("a",), others)
    assert refused.value.message == said


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_texts_that_are_empty_or_cut_are_counted(run, tiny_classifier, file, command):
    path = file("test.csv", f"text,label\n{'good ' * 50},positive\n,negative\nbad,negative\n")
    result = run(command, tiny_classifier, "--input" if command == "predict" else "--data", path)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        f"{path}: 1 of 3 texts (the first on line 3) is empty",
        "1 of 3 texts were cut, at 32 tokens",
    ]
