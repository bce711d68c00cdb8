"""The whole path in one command."""

import json
import re

import pytest

from kerasbert.runs import quickstart
from kerasbert.runs.begun import Stopped
from kerasbert.runtime import load


@pytest.mark.slow
def test_it_trains_exports_verifies_and_answers(run, tiny_classifier, tmp_path):
    result = run("quickstart", "--checkpoint", tiny_classifier, "--epochs", "1", "--out", "q")
    assert result.exit_code == 0, result.output
    head, *rows = result.stdout.splitlines()
    assert re.split(r"\s{2,}", head) == [
        "format",
        "file",
        "MB",
        "max difference",
        "answers equal",
        "ms per text",
        "accuracy",
        "decided by",
    ]
    # One epoch on other words than it knows: an int8 file may have to give way to a gentler one.
    formats = [row["format"] for row in json.loads((tmp_path / "q" / "bundle" / "report.json").read_text())]
    assert formats[:3] == ["tflite", "onnx", "saved_model"]
    assert {"tflite-int8", "tflite-float16"} & set(formats)
    assert [row.split()[0] for row in rows[: len(formats)]] == formats
    assert {path.name for path in (tmp_path / "q").iterdir()} == {"model", "bundle"}
    assert {path.name for path in tmp_path.iterdir()} == {"q"}
    answers = load(tmp_path / "q" / "bundle")(quickstart.SENTENCES)
    said = [f"{a['label']} ({a['score']:.2f}): {text}" for a, text in zip(answers, quickstart.SENTENCES, strict=True)]
    assert rows[len(formats) : len(formats) + 2] == said
    report = json.loads((tmp_path / "q" / "bundle" / "report.json").read_text())
    for row, line in zip(report, rows, strict=False):
        assert re.split(r"\s{2,}", line)[-2:] == [f"{row['figure']:.3f}", row["decision"]["figure"]]


def test_a_folder_that_is_not_empty_is_refused_first(fails, tmp_path):
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "quickstart" / "mine").touch()
    assert fails("quickstart") == "quickstart: the output folder is not empty; name another, or empty it first"


def test_one_that_is_stopped_does_not_promise_that_it_can_go_on(tmp_path, monkeypatch):
    def stopped(*words):
        raise Stopped("SIGTERM ended the run; step 4 is saved, --resume goes on there")

    monkeypatch.setattr(quickstart, "finetune", stopped)
    with pytest.raises(Stopped, match=r"^a signal ended the quickstart, and nothing is written; begin it again$"):
        quickstart.run(tmp_path / "q", checkpoint=None, epochs=1, progress=lambda step: None)
    assert list(tmp_path.iterdir()) == []
