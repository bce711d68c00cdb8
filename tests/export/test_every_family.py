"""Every family with every task: saved, opened, exported through the gate, and answered without Keras as by Keras."""

import numpy as np
import pytest
from conftest import small_vocabulary
from families import ROWS, WITH_BYTES, WITHOUT, questions, small_model

from kerasbert.errors import ConfigError
from kerasbert.export import export_bundle
from kerasbert.models.opening import open_model
from kerasbert.runtime import load

FILES = ("tflite", "onnx")
IN_THE_GRAPH = {("distilbert", "fill-mask"), ("distilbert", "multiple-choice"), ("distilbert", "text-classification")}
"""Graphs that read texts take many seconds to build; those of other tasks are made of the same parts."""


def assert_answers_equal(found, wanted) -> None:
    """The same answers, numbers within 1e-4."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            assert_answers_equal(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for ours, theirs in zip(found, wanted, strict=True):
            assert_answers_equal(ours, theirs)
    elif isinstance(wanted, str | int):
        assert found == wanted
    else:
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize(("family", "task"), [row for row in ROWS if row[0] != "bert"])
def test_the_same_answer_from_a_folder_and_from_every_file(family, task, tmp_path):
    """BERT has longer tests, task by task."""
    model = small_model(family, task, small_vocabulary())
    columns = questions(model.task)
    wanted = model.predict_text(*columns)
    model.save_pretrained(tmp_path / "model")
    opened = open_model(tmp_path / "model", task=task)
    assert opened.settings == model.settings
    assert_answers_equal(opened.predict_text(*columns), wanted)
    saved_model = family in WITH_BYTES or (family, task) in IN_THE_GRAPH
    formats = (*FILES, *["saved_model"] * saved_model)
    rows = export_bundle(opened, tmp_path / "bundle", formats=formats, quantize="none", sequence_lengths=[48])
    assert [(row.format, row.failed) for row in rows] == [(format, None) for format in formats]
    for format in FILES:
        answer = load(tmp_path / "bundle", file=format)
        assert_answers_equal(answer.predict_text(*columns), wanted)
        one = [column[0] for column in columns]
        assert_answers_equal(answer(*one), wanted[0])


@pytest.mark.parametrize(("family", "task"), sorted(WITHOUT))
def test_a_family_without_the_task_says_so(family, task):
    with pytest.raises(ConfigError, match=family):
        small_model(family, task, small_vocabulary())


def test_the_table_has_every_kind_of_tokenizer():
    assert {family in WITH_BYTES for family, _ in ROWS} == {True, False}
