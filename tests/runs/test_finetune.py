"""From a labelled file to a folder, or nothing."""

import json
import logging
from pathlib import Path

import pytest

from kerasbert import TextClassifier
from kerasbert.errors import CheckpointError, ConfigError, DataError, KerasBertError
from kerasbert.runs.finetune import FinetuneOptions, finetune, job_of
from kerasbert.runs.run import Diverged
from kerasbert.tasks import task_named
from kerasbert.tasks.text_classification import NUMBER, SEVERAL, Settings

TASK = "text-classification"
DEFINITION = task_named(TASK)


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
    assert model.settings == Settings(labels=("negative", "positive"), max_length=32, pairs=False)
    answers = model.predict_text(["the story was lovely", "the story was rude", "my hotel is clean", "a broken door"])
    assert [answer["label"] for answer in answers] == ["positive", "negative", "positive", "negative"]
    assert min(answer["score"] for answer in answers) > 0.9


@pytest.mark.slow
def test_training_goes_on_from_a_classifier_with_the_same_labels(tiny_classifier, opinion_file, tmp_path, caplog):
    """Also where it names them in another order than the file would."""
    config = json.loads((tiny_classifier / "config.json").read_text())
    turned = tmp_path / "turned"
    turned.mkdir()
    for path in filter(Path.is_file, tiny_classifier.iterdir()):
        (turned / path.name).write_bytes(path.read_bytes())
    config["id2label"], config["label2id"] = {"0": "positive", "1": "negative"}, {"positive": 0, "negative": 1}
    (turned / "config.json").write_text(json.dumps(config))
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        recipe = {"epochs": 1, "learning_rate": 1e-9, "max_length": 32, "warmup": 0.0}
        options = FinetuneOptions(checkpoint=str(turned), **recipe)
        figures = finetune(TASK, opinion_file, tmp_path / "out", options)
    assert figures["accuracy"] == 0.0  # it still answers as it did, and what it says now has the other name
    assert "train.csv: 200 examples, labels positive, negative; 7 steps, the first of them slow" in caplog.text
    assert "new, not from the checkpoint" not in caplog.text
    assert TextClassifier.from_pretrained(str(tmp_path / "out")).labels == ("positive", "negative")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem_type", "label", "expected"),
    [
        (
            SEVERAL,
            lambda good, long: [*(["good"] if good else []), *(["long"] if long else [])],
            lambda answer, good, long: [each["label"] for each in answer] == ["good"] * good + ["long"] * long,
        ),
        (
            NUMBER,
            lambda good, long: 2.0 * good - 0.5 * long,
            lambda answer, good, long: abs(answer["score"] - (2.0 * good - 0.5 * long)) < 0.3,
        ),
    ],
)
def test_it_learns_several_labels_and_numbers(tiny_bert, write, tmp_path, problem_type, label, expected):
    cases = [(good, long) for good in (False, True) for long in (False, True)] * 40
    texts = [f"the film was {'good' if g else 'bad'}{' and every hour of it too' if lo else ''}" for g, lo in cases]
    train = write("train.jsonl", [(text, label(*case)) for text, case in zip(texts, cases, strict=True)])
    # With seed 0 the several labels of so small a model stay where they began for long.
    recipe = {"epochs": 25, "learning_rate": 5e-3, "max_length": 16, "seed": int(problem_type == SEVERAL)}
    recipe["settings"] = {"problem_type": problem_type}
    finetune(TASK, train, tmp_path / "out", FinetuneOptions(checkpoint=str(tiny_bert), **recipe))
    model = TextClassifier.from_pretrained(str(tmp_path / "out"))
    assert model.settings.problem_type == problem_type
    for case, answer in zip(cases[:4], model.predict_text(texts[:4]), strict=True):
        assert expected(answer, *case), (case, answer)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(tiny_bert, opinion_file, tmp_path):
    def weights(name):
        recipe = {"epochs": 1, "learning_rate": 1e-3, "max_length": 16, "seed": 1}
        finetune(TASK, opinion_file, tmp_path / name, FinetuneOptions(checkpoint=str(tiny_bert), **recipe))
        return (tmp_path / name / "model.safetensors").read_bytes()

    assert weights("a") == weights("b")


@pytest.mark.slow
def test_a_run_that_diverges_ends_with_an_error_and_saves_nothing(tiny_bert, opinion_file, tmp_path):
    recipe = {"learning_rate": 1e38, "max_length": 16, "warmup": 0.0}
    options = FinetuneOptions(checkpoint=str(tiny_bert), **recipe)
    with pytest.raises(
        Diverged, match=r"^(the loss|a weight) became (nan|no number) in step \d+; try a tenth of the learning rate$"
    ):
        finetune(TASK, opinion_file, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ({"train": [("a", "x")]}, DataError, r"train.jsonl: labels found: x; at least 2 are needed to learn"),
        ({"train": [("a", "x"), ("b", "")]}, DataError, r"train.jsonl, line 2: the label is missing; give it a name"),
        (
            {"dev": [("a", "x"), ("a", "odd")]},
            DataError,
            r"dev.jsonl, line 2: unknown label 'odd'; the model knows x, y",
        ),
        ({"dev": [(7, "x")]}, DataError, r"dev.jsonl, line 1: no text in 'text' \(found 7\)"),
        ({"settings": {"problem_type": NUMBER}}, DataError, r"train.jsonl, line 1: 'x' is not a finite number"),
        ({"max_length": 65}, ConfigError, r"max_length is 65: use 3 to 64, the model's positions"),
        ({"settings": {"problem_type": "ranking"}}, ConfigError, r"problem_type is 'ranking': use one of single_label"),
        ({"settings": {"pooling": "max"}}, ConfigError, r"pooling is 'max': use one of cls, mean, additive"),
        (
            {"settings": {"labels": ["x", "z"]}},
            DataError,
            r"train.jsonl, line 2: unknown label 'y'; the model knows x, z",
        ),
        (
            {"settings": {"colour": "red"}},
            ConfigError,
            r"^text-classification has no setting 'colour': use labels, prob",
        ),
        ({"columns": {"text": "title"}}, DataError, r"train.jsonl: no column 'title'; it has text, label"),
        ({"columns": {"title": "text"}}, DataError, r"^text-classification has no column for 'title': name text, pair"),
        ({"checkpoint": "{tmp}/none/"}, CheckpointError, r"none/?: no such folder"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_step_and_nothing_is_written(
    tiny_bert, write, tmp_path, capsys, case, error, message
):
    train = write("train.jsonl", case.pop("train", [("a", "x"), ("b", "y")]))
    dev = write("dev.jsonl", case.pop("dev", [("a", "x")]))
    checkpoint = case.pop("checkpoint", str(tiny_bert)).format(tmp=tmp_path)
    options = FinetuneOptions(checkpoint=checkpoint, dev=dev, **{"max_length": 16, **case})
    with pytest.raises(error, match=message):
        finetune(TASK, train, tmp_path / "out", options)
    assert "epoch" not in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl", "dev.jsonl"}


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(KerasBertError, match="the output folder is not empty"):
        finetune(TASK, "no file", tmp_path / "out", checkpoint="no checkpoint")


def test_a_task_that_learns_nothing_and_one_that_is_not_there_are_named(opinion_file, tmp_path):
    with pytest.raises(ConfigError, match=r"^feature-extraction: learns nothing from a labelled file$"):
        finetune("feature-extraction", opinion_file, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"^no task 'text_classifier': use one of text-classification, token-clas"):
        finetune("text_classifier", opinion_file, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("epochs", "use 1 or more"),
        ("batch_size", "give a whole number from 1"),
        ("batch_tokens", "give a whole number"),
    ],
)
@pytest.mark.parametrize("value", [0, -1])
def test_options_that_no_run_can_have_are_refused(name, mend, value):
    with pytest.raises(ConfigError, match=rf"^{name} is {value}: {mend}"):
        FinetuneOptions(**{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learning_rate": 0},
            r"^learning_rate is 0: use a number above 0, several different ones, or None for the usual one$",
        ),
        ({"learning_rate": -1e-4}, r"^learning_rate is -0.0001: use a number above 0"),
        ({"learning_rate": float("nan")}, r"^learning_rate is nan: use a number above 0"),
        ({"learning_rate": float("inf")}, r"^learning_rate is inf: use a number above 0"),
        ({"warmup": 1.5}, r"^warmup is 1.5: use a share from 0 to 1$"),
        ({"layer_decay": 0.0}, r"^layer_decay is 0.0: use a number above 0, up to 1, or None for one rate$"),
        ({"max_length": 16, "settings": {"max_length": 32}}, r"^max_length is 16, and 32 in settings: give it once$"),
    ],
)
def test_rates_and_lengths_that_no_run_can_have_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        FinetuneOptions(**options)


@pytest.fixture(scope="module")
def saved_with_24(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    TextClassifier.from_pretrained(tiny_bert, labels=["negative", "positive"], max_length=24).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({}, 24),
        ({"max_length": 16}, 16),
        ({"settings": {"max_length": 16}}, 16),
        ({"max_length": 16, "settings": {"max_length": None}}, 16),
    ],
)
def test_a_checkpoint_keeps_the_length_it_was_saved_with(saved_with_24, opinion_file, tmp_path, options, length):
    options = FinetuneOptions(checkpoint=str(saved_with_24), **options)
    assert job_of(DEFINITION, opinion_file, tmp_path, options).settings["max_length"] == length


def test_a_length_of_0_is_refused(saved_with_24, opinion_file, tmp_path):
    with pytest.raises(ConfigError, match=r"^max_length is 0"):
        finetune(TASK, opinion_file, tmp_path / "out", checkpoint=str(saved_with_24), max_length=0)


def test_changes_change_the_options_that_are_given(opinion_file, tmp_path):
    with pytest.raises(ConfigError, match=r"^epochs is 0: use 1 or more$"):
        finetune(TASK, opinion_file, tmp_path / "out", FinetuneOptions(batch_size=7), epochs=0)


def test_training_goes_on_as_the_kind_of_classification_that_the_checkpoint_is(tiny_bert, write, tmp_path):
    """As the options say: what they leave out is the checkpoint's."""
    model = TextClassifier.from_pretrained(tiny_bert, labels=["b", "a"], problem_type=SEVERAL, max_length=16)
    model.save_pretrained(tmp_path / "model")
    train = write("train.jsonl", [("good", "a|b"), ("bad", ""), ("film", "b")])
    finetune(TASK, train, tmp_path / "out", checkpoint=str(tmp_path / "model"), epochs=1, max_length=16)
    settings = TextClassifier.from_pretrained(tmp_path / "out").settings
    assert settings == Settings(labels=("b", "a"), problem_type=SEVERAL, max_length=16, pairs=False)
