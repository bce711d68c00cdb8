"""Text classification from few labels: the pairs, what does not go with it, and runs that end and go on."""

import json
import logging

import numpy as np
import pytest
from conftest import opinions

from kerasbert import TextClassifier
from kerasbert.errors import ConfigError, DataError
from kerasbert.models.opening import open_model
from kerasbert.runs import few_labels
from kerasbert.runs.begun import Stopped
from kerasbert.runs.few_labels import check_examples, contrast
from kerasbert.runs.finetune import finetune
from kerasbert.tasks.task import Example

TASK = "text-classification"
RECIPE = {"few_shot": 3, "epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "max_length": 16}


def test_pairs_are_those_of_a_label():
    texts, labels = list("abcdef"), list("xxyyyz")
    pairs = contrast(texts, labels, 2, seed=0)
    fields = [(each.fields["anchor"], each.fields["positive"], each.fields["group"]) for each in pairs]
    wanted = {"a": {"b"}, "b": {"a"}, "c": {"d", "e"}, "d": {"c", "e"}, "e": {"c", "d"}, "f": {"f"}}
    assert len(fields) == len(set(fields)) == sum(map(len, wanted.values()))
    assert {text: {second for first, second, _ in fields if first == text} for text in texts} == wanted
    assert all(group == labels[texts.index(first)] for first, _, group in fields)
    many = list("abcdefghij")
    drawn = [[each.fields["positive"] for each in contrast(many, ["x"] * 10, 3, seed)] for seed in (0, 0, 1)]
    assert (len(drawn[0]), drawn[0] == drawn[1], drawn[0] == drawn[2]) == (30, True, False)


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("sentence-embedding", {}, "only text-classification learns so"),
        (TASK, {"class_weight": "balanced"}, "class_weight does not go with it"),
        (TASK, {"average": 2}, "average does not go with it"),
        (TASK, {"learning_rate": [1e-3, 1e-4], "dev": "dev.csv"}, "several learning rates does not go with it"),
        (TASK, {"settings": {"pooling": "cls"}}, "pooling must be 'mean'"),
        (TASK, {"settings": {"problem_type": "regression"}}, "problem_type must be 'single_label_classification'"),
        (TASK, {"few_shot": 0}, "use a number of pairs, 1 or more, or None"),
    ],
)
def test_what_does_not_go_with_it_is_named_before_anything_is_read(tmp_path, task, changes, message):
    with pytest.raises(ConfigError, match=message):
        finetune(task, "no file", tmp_path / "out", **{"few_shot": 2, **changes})
    assert list(tmp_path.iterdir()) == []


def test_pairs_of_texts_are_refused(tiny_bert, tmp_path):
    fields = {"text": "a", "text_pair": "b"}
    made = [Example(fields, label, line=line, path="x.csv") for line, label in ((2, "x"), (3, "y"))]
    with pytest.raises(DataError, match=r"^x.csv, line 3: the text is empty; few_shot learns pairs of texts, so give"):
        check_examples([Example({"text": "a"}, "b"), Example({"text": " "}, "c", 3, "x.csv")])
    with pytest.raises(DataError, match=r"^x.csv, line 2: few_shot learns single texts, not pairs"):
        finetune(TASK, made, tmp_path / "out", few_shot=2, checkpoint=str(tiny_bert))


@pytest.fixture(scope="module")
def few() -> list[Example]:
    return [Example({"text": text}, label) for text, label in opinions(24)]


@pytest.fixture(scope="module")
def held_out() -> list[Example]:
    return [Example({"text": text}, label) for text, label in opinions(64)[24:]]


@pytest.mark.slow
def test_it_learns_and_the_folder_is_that_of_a_classifier(tiny_bert, few, held_out, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "kerasbert"):
        figures = finetune(TASK, few, tmp_path / "out", checkpoint=str(tiny_bert), dev=held_out, **RECIPE)
    assert "24 examples, labels negative, positive: 72 pairs teach the encoder first" in caplog.text
    assert figures["accuracy"] > 0.9
    assert figures["val_accuracy"] > 0.8
    model = open_model(tmp_path / "out")
    assert (type(model), model.settings.pooling, model.labels) == (TextClassifier, "mean", ("negative", "positive"))
    answers = model.predict_text([each.fields["text"] for each in held_out])
    right = np.mean([a["label"] == each.truth for a, each in zip(answers, held_out, strict=True)])
    assert right == pytest.approx(figures["val_accuracy"])
    names = {path.name for path in (tmp_path / "out" / "run").iterdir()}
    assert names == {"settings.json", "finished.json", "tensorboard"}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["figures"]["pairs"], report["recipe"]["few_shot"]) == (72, 3)
    again = finetune(TASK, few, tmp_path / "out", checkpoint=str(tiny_bert), dev=held_out, resume=True, **RECIPE)
    assert again == figures


@pytest.mark.slow
def test_a_run_that_ends_between_its_parts_goes_on(tiny_bert, few, tmp_path, monkeypatch):
    recipe = {"checkpoint": str(tiny_bert), **RECIPE, "epochs": 1}
    finetune(TASK, few, tmp_path / "whole", **recipe)

    def stopped(*_):
        raise Stopped("a signal")

    with monkeypatch.context() as patch:
        patch.setattr(few_labels, "stand_on", stopped)
        with pytest.raises(Stopped):
            finetune(TASK, few, tmp_path / "cut", **recipe)
    assert not (tmp_path / "cut" / "config.json").exists()
    finetune(TASK, few, tmp_path / "cut", resume=True, **recipe)
    one, other = (open_model(tmp_path / name).get_weights() for name in ("whole", "cut"))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
