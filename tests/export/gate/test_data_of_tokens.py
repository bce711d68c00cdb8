"""Labelled data of a task with one output per token: its figure decides, not whole answers."""

import pytest

from kerasbert.examples.readers import read_examples
from kerasbert.export import export_bundle
from kerasbert.export.gate import checks, verify
from kerasbert.models.opening import open_model


@pytest.fixture(scope="module")
def exported(tiny_tagger, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("tagger") / "bundle"
    model = open_model(tiny_tagger / "tagger")
    data = read_examples(tiny_tagger / "train.conll", model.task)[:12]
    export_bundle(model, bundle, formats="tflite", quantize=["none", "int8"])
    return bundle, data, verify.Reference.of(model, data)


@pytest.mark.slow
def test_the_figure_of_entities_is_judged_and_not_whole_answers(exported, monkeypatch):
    bundle, data, reference = exported
    monkeypatch.setattr(verify, "CHECKS", (checks.asks_the_data,))
    monkeypatch.setattr(checks.Subject, "alike", lambda *answers: False)
    (row,) = verify.verify(bundle, data=data, reference=reference, files=["tflite-int8"])
    assert (row.failed, row.agreement) == (None, 0.0)
    assert row.figure > 0.995
    monkeypatch.setattr(checks, "judge_figure", lambda before, after, *rest: [f"{rest[-1]} was judged"])
    (row,) = verify.verify(bundle, data=data, reference=reference, files=["tflite-int8"])
    assert row.failed == "f1 was judged"
