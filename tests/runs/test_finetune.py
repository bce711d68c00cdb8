"""From a labelled file to a folder, or nothing."""

import json
import logging

import pytest

from kerasbert import TextClassifier
from kerasbert.errors import CheckpointError, ConfigError, DataError, KerasBertError
from kerasbert.runs.finetune import finetune_classifier


@pytest.fixture
def write(tmp_path):
    """Writes JSON lines of `text` and `label` and gives their path."""

    def write(name, rows):
        path = tmp_path / name
        path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
        return path

    return write


def test_it_learns_what_is_trivial_and_the_folder_answers(tiny_classifier):
    model = TextClassifier.from_pretrained(str(tiny_classifier))
    assert model.labels == ["negative", "positive"]
    assert model.max_length == 32
    answers = model.predict_text(["the story was lovely", "the story was rude", "my hotel is clean", "a broken door"])
    assert [answer["label"] for answer in answers] == ["positive", "negative", "positive", "negative"]
    assert min(answer["score"] for answer in answers) > 0.9


@pytest.mark.slow
def test_training_goes_on_from_a_classifier_with_the_same_labels(tiny_classifier, opinion_file, tmp_path, caplog):
    """Also where it names them in another order than the file would."""
    config = json.loads((tiny_classifier / "config.json").read_text())
    turned = tmp_path / "turned"
    turned.mkdir()
    for path in tiny_classifier.iterdir():
        (turned / path.name).write_bytes(path.read_bytes())
    config["id2label"], config["label2id"] = {"0": "positive", "1": "negative"}, {"positive": 0, "negative": 1}
    (turned / "config.json").write_text(json.dumps(config))
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        figures = finetune_classifier(
            str(turned), opinion_file, tmp_path / "out", epochs=1, learning_rate=1e-9, max_length=32, warmup=0.0
        )
    assert figures["accuracy"] == 0.0  # it still answers as it did, and what it says now has the other name
    assert "train.csv: 200 texts, labels positive, negative; 7 steps, the first of them slow" in caplog.text
    assert "new, not from the checkpoint" not in caplog.text
    assert TextClassifier.from_pretrained(str(tmp_path / "out")).labels == ["positive", "negative"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem_type", "label", "expected"),
    [
        (
            "multi_label_classification",
            lambda good, long: [*(["good"] if good else []), *(["long"] if long else [])],
            lambda answer, good, long: answer["labels"] == ["good"] * good + ["long"] * long,
        ),
        (
            "regression",
            lambda good, long: 2.0 * good - 0.5 * long,
            lambda answer, good, long: abs(answer["value"] - (2.0 * good - 0.5 * long)) < 0.3,
        ),
    ],
)
def test_it_learns_several_labels_and_numbers(tiny_bert, write, tmp_path, problem_type, label, expected):
    cases = [(good, long) for good in (False, True) for long in (False, True)] * 40
    texts = [f"the film was {'good' if g else 'bad'}{' and every hour of it too' if lo else ''}" for g, lo in cases]
    train = write("train.jsonl", [(text, label(*case)) for text, case in zip(texts, cases, strict=True)])
    finetune_classifier(
        str(tiny_bert), train, tmp_path / "out", epochs=15, learning_rate=5e-3, max_length=16, problem_type=problem_type
    )
    model = TextClassifier.from_pretrained(str(tmp_path / "out"))
    assert model.problem_type == problem_type
    for case, answer in zip(cases[:4], model.predict_text(texts[:4]), strict=True):
        assert expected(answer, *case), (case, answer)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(tiny_bert, opinion_file, tmp_path):
    def weights(name):
        finetune_classifier(
            str(tiny_bert), opinion_file, tmp_path / name, epochs=1, learning_rate=1e-3, max_length=16, seed=1
        )
        return (tmp_path / name / "model.safetensors").read_bytes()

    assert weights("a") == weights("b")


@pytest.mark.slow
def test_a_run_that_diverges_ends_with_an_error_and_saves_nothing(tiny_bert, opinion_file, tmp_path):
    with pytest.raises(
        KerasBertError, match=r"the loss became nan in step \d+, epoch 1; try a tenth of the learning rate"
    ):
        finetune_classifier(
            str(tiny_bert), opinion_file, tmp_path / "out", learning_rate=1e38, max_length=16, warmup=0.0
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ({"train": [("a", "x")]}, DataError, r"train.jsonl: labels found: x; 2 at least are needed to learn"),
        ({"train": [("a", "x"), ("b", "")]}, DataError, r"train.jsonl, line 2: '' is no label"),
        (
            {"dev": [("a", "x"), ("a", "odd")]},
            DataError,
            r"dev.jsonl, line 2: unknown label 'odd'; the model knows x, y",
        ),
        ({"dev": [(7, "x")]}, DataError, r"dev.jsonl, line 1: no text in 'text' \(found 7\)"),
        ({"problem_type": "regression"}, DataError, r"train.jsonl, line 1: 'x' is not a finite number"),
        ({"max_length": 65}, ConfigError, r"max_length is 65: use 3 to 64, the model's positions"),
        ({"columns": {"text_column": "title"}}, DataError, r"train.jsonl: no column 'title'; it has text, label"),
        ({"checkpoint": "{tmp}/none/"}, CheckpointError, r"none/?: no such folder"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_step_and_nothing_is_written(
    tiny_bert, write, tmp_path, capsys, case, error, message
):
    train = write("train.jsonl", case.pop("train", [("a", "x"), ("b", "y")]))
    dev = write("dev.jsonl", case.pop("dev", [("a", "x")]))
    checkpoint = case.pop("checkpoint", str(tiny_bert)).format(tmp=tmp_path)
    with pytest.raises(error, match=message):
        finetune_classifier(checkpoint, train, tmp_path / "out", dev=dev, **{"max_length": 16, **case})
    assert "epoch" not in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl", "dev.jsonl"}


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(KerasBertError, match="the output folder is not empty"):
        finetune_classifier("no checkpoint", "no file", tmp_path / "out")
