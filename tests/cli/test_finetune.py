"""kerasbert finetune: its options against the library's, and its help pages."""

import dataclasses
import json

import pytest
from click.testing import CliRunner

from kerasbert.cli.finetune import _print_report, _with_columns, finetune
from kerasbert.cli.main import main
from kerasbert.runs.finetune import FinetuneOptions
from kerasbert.tasks import task_named

TASK = task_named("text-classification")


def test_the_defaults_are_those_of_the_library():
    command = finetune.commands[TASK.name]
    words = ["--train", "train.csv", "--out", "model"]
    # click remembers a command's option for help, and another test shows it.
    given = command.make_context(TASK.name, words, help_option_names=["-h", "--help"]).params
    library = {each.name: each.default for each in dataclasses.fields(FinetuneOptions)}
    both = given.keys() & library.keys()
    assert {name: given[name] for name in both} == {name: library[name] for name in both}
    of_other_tasks = {"dev_sample", "loss", "decoder_layers", "cross_attention", "label_smoothing"}
    assert library.keys() - both == {"columns", "settings"} | of_other_tasks
    (length,) = (each for each in command.params if each.name == "max_length")
    assert f"else {TASK.usual_length}, " in length.help


def test_the_second_example_names_the_tasks_own_columns():
    text, pair = TASK.fields
    shown = _with_columns(TASK)
    assert '--text-column "#1 String"' in shown
    assert '--pair-column "#2 String" --label-column Quality' in shown
    other = dataclasses.replace(TASK, fields=(dataclasses.replace(text, option="question", columns=("asked",)), pair))
    assert '--question-column "asked"' in _with_columns(other)
    assert _with_columns(dataclasses.replace(TASK, fields=(text,))) == ""


def test_a_batch_is_rows_or_tokens_as_the_task_has_it_and_not_both():
    for name, command in finetune.commands.items():
        usual, helps = task_named(name).usual_batch_tokens, {each.name: each.help for each in command.params}
        shown = {each: "[default:" in helps[each] for each in ("batch_size", "batch_tokens")}
        assert shown == {"batch_size": usual is None, "batch_tokens": usual is not None}
        for of_writing in ("dev_sample", "decoder_layers", "cross_attention", "label_smoothing"):
            assert (of_writing in helps) == (task_named(name).quick is not None)
    # Through `main`: a command that is called alone keeps a help option without -h for the rest of the process.
    words = ["finetune", "seq2seq", "--train", "a.tsv", "--out", "model", "--batch-size", "8", "--batch-tokens", "512"]
    found = CliRunner().invoke(main, words)
    assert (found.exit_code, found.output.count("give one of them")) == (2, 1)


def test_the_metrics_are_the_tasks_own():
    for name, command in finetune.commands.items():
        (metric,) = (each for each in command.params if each.name == "metric")
        assert set(metric.type.choices) == {"loss", *task_named(name).metrics(None)}


def test_a_file_to_learn_from_is_described_by_the_task():
    helps = {
        name: {each.name: each.help for each in command.params}["train"] for name, command in finetune.commands.items()
    }
    for name, said in helps.items():
        assert (task_named(name).format or ".csv") in said
    for ending, only in ((".json as SQuAD", "question-answering"), (".conll", "token-classification")):
        assert [name for name, said in helps.items() if ending in said] == [only]


def test_the_rates_that_were_tried_and_the_classes_are_tables(tmp_path, capsys):
    rates = {"1e-05": {"epoch": 2, "val_loss": 0.5}, "0.001": {"epoch": None}}
    classes = {"good": {"precision": 0.75, "support": 3}}
    report = {"figures": {"loss": 1.0}, "learning rates": rates, "classes": classes}
    (tmp_path / "report.json").write_text(json.dumps(report))
    _print_report(tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "learning rate  epoch  val_loss",
        "1e-05              2    0.5000",
        "0.001",
        "",
        "class  precision  support",
        "good      0.7500        3",
        "",
    ]


def test_what_is_said_of_a_file_is_said_once(run, file):
    """The command reads it before TensorFlow loads, and the run takes what it read."""
    path = file("train.csv", "text,label\na,x\n\nb,y\n")
    result = run("finetune", TASK.name, "--train", path, "--out", "model", "--checkpoint", "none/")
    assert result.exit_code == 1
    assert "none/: no such folder" in result.stderr
    assert result.stderr.count("1 blank line (the first is line 3) is left out") == 1


@pytest.mark.parametrize(
    ("task", "content", "words", "message"),
    [
        ("sentence-embedding", "sentence1,sentence2,score\na,b,1\nc,d,2\n", "--score-max 0", "--score-max is 0"),
        (TASK.name, "text,label\na,x\nb,y\n", "--metric pearson --dev train.csv", "--metric is 'pearson': use one of"),
        (TASK.name, "text,label\na,x\nb,y\n", "--max-length 1000", "--max-length is 1000: use 3 to 512, "),
    ],
)
def test_a_value_that_does_not_suit_the_examples_is_a_wrong_call(run, file, tmp_path, task, content, words, message):
    path = file("train.csv", content)
    result = run("finetune", task, "--train", path, *words.split(), "--out", "model")
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.output
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_weights_of_labels_are_refused_before_tensorflow_loads(run, file, problem, monkeypatch):
    monkeypatch.setattr("kerasbert.cli.options.load_tensorflow", lambda: pytest.fail("loads TensorFlow"))
    path = file("train.csv", "text,label\na,1\nb,2\n")
    words = ("--train", path, "--out", "model", "--problem-type", problem, "--class-weight", "balanced")
    result = run("finetune", TASK.name, *words)
    assert result.exit_code == 2
    assert result.stderr.endswith("--class-weight weighs labels of which each text has one; leave it out\n")
