"""What is true of every command."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kerasbert.cli.main import COMMANDS, main
from kerasbert.errors import DataError, MissingDependency

ROOT = Path(__file__).resolve().parents[2]


def walk(command, path=()):
    """Every command with its words: ("finetune",), ("finetune", "text-classification"), ..."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


ALL = dict(walk(main))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_says_what_it_does_and_shows_an_example_of_itself(run, words):
    for flag in ("--help", "-h"):
        result = run(*words, flag)
        assert (result.exit_code, result.stderr) == (0, "")
        assert re.match(r"Usage: kerasbert .*\n\n  [A-Z][\w ]+", result.stdout)
        assert re.search(rf"\n  Example:\n(.*\n)*    kerasbert {' '.join(words)}", result.stdout)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_option_has_help(words):
    for parameter in ALL[words].params:
        assert isinstance(parameter, click.Argument) or parameter.help


def test_examples_are_calls_that_exist():
    """Each word of each example is a command, an option of it, or a value."""
    for command in ALL.values():
        text = command.help.partition("Example:")[2].replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            if not line.startswith("kerasbert ") or "COMMAND" in line:
                continue
            words = line.split()[1:]
            called = max((path for path in ALL if tuple(words[: len(path)]) == path), key=len)
            known = {option for parameter in ALL[called].params for option in parameter.opts}
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, line


def test_the_readme_shows_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"kerasbert {name}" not in readme] == []


def test_help_loads_no_heavy_package():
    code = """
import sys
from kerasbert.cli.main import COMMANDS, main
main(["--help"], standalone_mode=False)
assert not {name for name in sys.modules if name.startswith("kerasbert.cli.") and name != "kerasbert.cli.main"}
for name in COMMANDS:
    main([name, "--help"], standalone_mode=False)
print("loaded:", {"tensorflow", "keras", "jax", "torch", "onnx", "onnxruntime", "tf2onnx"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: set()\n")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "kerasbert.cli", "predict"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: kerasbert predict [OPTIONS] MODEL")


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["predict"],
        ["predict", "model", "a", "--input", "b.txt"],
        ["predict", "model"],
        ["predict", "model", "--input", "b.txt", "--pair", "x"],
        ["predict", "model", "a", "--text-column", "x"],
        ["evaluate", "model"],
        ["finetune", "text-classification", "--checkpoint", "a", "--train", "b"],
        ["finetune", "text-classification", "--checkpoint", "a", "--train", "b", "--out", "c", "--epochs", "0"],
        ["finetune", "text-classification", "--checkpoint", "a", "--train", "b", "--out", "c", "--learning-rate", "0"],
        ["finetune", "text-classification", "--checkpoint", "a", "--train", "b", "--out", "c", "--seed", "-1"],
        ["export", "model", "--out", "c", "--format", "coreml"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2_and_points_to_the_help(run, words):
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: kerasbert ")
    assert "Error: " in result.stderr


@pytest.fixture
def broken(monkeypatch):
    """Makes `predict --input` meet an exception."""

    def break_with(error):
        def read_unlabelled(*args, **options):
            raise error

        monkeypatch.setattr("kerasbert.cli.options.task_of", lambda *_: "text-classification")
        monkeypatch.setattr("kerasbert.examples.readers.read_unlabelled", read_unlabelled)

    return break_with


PREDICT = ("predict", "model", "--input", "a.txt")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("a.csv, line 3: odd\n  and more"), "a.csv, line 3: odd and more"),
        (MissingDependency("needs onnx"), "needs onnx"),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), "a.csv: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_what_users_meet_is_one_line_and_1(fails, broken, error, line):
    broken(error)
    assert fails(*PREDICT) == line


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("a"), OSError("of a library, without a number")])
def test_a_bug_keeps_its_traceback(run, broken, error):
    broken(error)
    assert run(*PREDICT).exception is error


def test_debug_keeps_every_traceback(run, broken):
    error = DataError("a.csv, line 3: odd")
    broken(error)
    assert run("--debug", *PREDICT).exception is error


def test_an_interrupt_ends_with_1_and_a_word(run, broken):
    broken(KeyboardInterrupt())
    result = run(*PREDICT)
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (1, "", "Aborted!")


def test_a_reader_that_goes_away_ends_it_without_a_word(run, broken):
    broken(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    result = run(*PREDICT)
    assert (result.exit_code, result.output) == (1, "")


@pytest.mark.slow
def test_predict_into_head_is_quiet_from_start_to_end(tiny_classifier, tmp_path):
    (tmp_path / "texts.txt").write_text("the film was good\n" * 5000)
    command = [sys.executable, "-m", "kerasbert.cli", "predict", tiny_classifier, "--input", tmp_path / "texts.txt"]
    environment = {name: value for name, value in os.environ.items() if "LOG_LEVEL" not in name}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        answer = json.loads(process.stdout.readline())
        process.stdout.close()
        said = process.stderr.read()
    assert answer["label"] == "positive"
    assert (process.returncode, said) == (1, b"")


@pytest.mark.slow
def test_inspect_of_a_saved_model_says_nothing_of_tensorflow(tiny_bundle):
    command = [sys.executable, "-m", "kerasbert.cli", "inspect", tiny_bundle / "saved_model"]
    environment = {name: value for name, value in os.environ.items() if "LOG_LEVEL" not in name}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SavedModel" in done.stdout


def test_warnings_of_ours_are_a_line_and_those_of_libraries_are_silent():
    code = """
import warnings
from kerasbert.cli.main import _hush
_hush()
for module in ("kerasbert.config", "keras.layers"):
    warnings.warn_explicit(f"said by {module}", UserWarning, "file.py", 1, module=module)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: said by kerasbert.config\n"


WAITS = """
import sys, time
import click
from kerasbert.cli.main import main
from kerasbert.files import new_folder

@click.command()
def wait():
    with new_folder(sys.argv[1]) as building:
        (building / "half").write_text("")
        print("written", flush=True)
        time.sleep(60)

main.get_command = lambda context, name: wait
main(["wait"])
"""


def test_sigterm_leaves_nothing_half_written(tmp_path):
    """`timeout`, `docker stop` and a batch system's limit send it."""
    target = tmp_path / "here" / "out"
    process = subprocess.Popen([sys.executable, "-c", WAITS, target], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 1
    assert process.communicate()[1].strip() == b"Aborted!"
    assert list(tmp_path.iterdir()) == []
