"""Labelled data of a task with one output per token: its figure decides, not whole answers."""

import pytest

from kerasbert.examples.readers import read_examples
from kerasbert.export import export_bundle
from kerasbert.export.gate import checks, verify
from kerasbert.export.gate.bars import decide_figure
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
    monkeypatch.setattr(checks, "CHECKS", (checks.asks_the_data, checks.decides))
    monkeypatch.setattr(checks.Subject, "alike", lambda *answers: False)
    (row,) = verify.verify(bundle, data=data, reference=reference, files=["tflite-int8"])
    assert (row.failed, row.agreement) == (None, 0.0)
    assert row.figure > 0.995
    assert row.decision.figure.startswith("f1 on the data ")
    monkeypatch.setattr(checks, "decide_figure", lambda before, after, *rest: decide_figure(1.0, 0.9, *rest))
    (row,) = verify.verify(bundle, data=data, reference=reference, files=["tflite-int8"])
    assert row.failed == row.decision.figure == "f1 on the data falls by 10.00 points, a fall of 0.5 allowed"
