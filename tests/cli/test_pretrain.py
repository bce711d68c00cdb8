"""kerasbert pretrain: what a call leaves and says, and calls that cannot be."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbert.cli import pretrain as command
from kerasbert.runs import pretrain as runs
from kerasbert.runs.pretrain_options import PretrainOptions
from kerasbert.runs.run_options import PRECISIONS
from kerasbert.training.distribution import STRATEGIES
from kerasbert.training.optimizers import OPTIMIZERS
from kerasbert.training.recipes import RECIPES, Recipe
from kerasbert.training.schedules import SCHEDULES

SMALL = ("--batch-size", 16, "--steps", 6, "--learning-rate", 3e-3, "--log-every", 2, "--save-every", 3)


def choices(name: str) -> list[str]:
    (option,) = (option for option in command.pretrain.params if option.name == name)
    return list(option.type.choices)


def test_the_choices_are_the_tables():
    """They stand twice, because the tables' files load Keras, which --help must not."""
    assert choices("recipe") == list(RECIPES)
    assert choices("strategy") == list(STRATEGIES)
    assert choices("schedule") == list(SCHEDULES)
    assert choices("optimizer") == list(OPTIMIZERS)
    assert choices("precision") == list(PRECISIONS)


def test_the_defaults_are_those_of_the_library():
    """What a recipe sets has no default on the command line."""
    given = command.pretrain.make_context("pretrain", ["data", "--out", "model"]).params
    assert given.pop("jit_compile") is None  # stands for "auto"
    library = {field.name: field.default for field in dataclasses.fields(PretrainOptions)}
    both = given.keys() & library.keys()
    assert {name: given[name] for name in both} == {name: library[name] for name in both}
    assert library.keys() - both == {"masking", "jit_compile"}
    set_by_recipes = given.keys() & {field.name for field in dataclasses.fields(Recipe)}
    assert [given[name] for name in set_by_recipes] == [None] * len(set_by_recipes)


def test_a_run_leaves_a_model_and_says_where_and_how_good(run, prepared, tmp_path):
    result = run("pretrain", prepared(), "--out", "model", *SMALL)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"model: saved; loss [\d.]+, mlm_accuracy [\d.]+, mlm_loss [\d.]+\n", result.stdout), (
        result.stdout
    )
    first, *lines = result.stderr.splitlines()
    assert re.fullmatch(
        rf"{prepared()}: [\d,]+ rows, [\d,]+ tokens; [\d,]+ parameters; 1 device; 6 steps of 16 rows "
        r"\(0\.\d epochs\), the first of them slow",
        first,
    )
    assert all(line.startswith("step ") for line in lines)
    assert (tmp_path / "model" / "model.safetensors").exists()
    again = run("pretrain", prepared(), "--out", "model", *SMALL, "--resume")
    assert again.exit_code == 0
    assert "all 6 steps are made; writing the model" in again.stderr
    assert again.stdout == result.stdout


@pytest.mark.slow
def test_all_options_reach_the_run(run, prepared, tmp_path):
    options = (
        *("--size", "mini", "--positions", 40, "--dev", prepared(seed=1), "--recipe", "lamb", "--warmup", 0.5),
        *("--schedule", "cosine", "--optimizer", "adamw", "--weight-decay", 0.1, "--clip-norm", 2, "--dropout", 0.2),
        *("--mask-rate", 0.25, "--whole-words", "--buckets", "16", "--strategy", "one", "--accumulate", 2),
        *("--precision", "bf16", "--no-xla", "--recompute", "--save-minutes", 1, "--keep", 1, "--evaluate-every", 2),
        *("--max-rollbacks", 1, "--seed", 5, *SMALL),
    )
    result = run("pretrain", prepared(), "--out", "model", *options)
    assert result.exit_code == 0, result.output
    assert "val_perplexity" in result.stdout
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    recipe = {"warmup": 0.5, "schedule": "cosine", "optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 2.0}
    assert report["recipe"].items() >= {**recipe, "dropout": 0.2, "mask_rate": 0.25, "batch_size": 16}.items()
    assert report["masking"].items() >= {"rate": 0.25, "whole_words": True}.items()
    assert report["run"].items() >= {"seed": 5, "precision": "bf16"}.items()
    assert set(report["run"]["buckets"]) <= {16, 32}
    assert report["model"].items() >= {"hidden_size": 256, "max_position_embeddings": 40}.items()


@pytest.mark.parametrize(("words", "wanted"), [((), "auto"), (("--xla",), True), (("--no-xla",), False)])
def test_xla_is_a_matter_of_the_run(run, prepared, monkeypatch, words, wanted):
    """It compiles for longer than all other options take."""
    told = []
    monkeypatch.setattr(runs, "pretrain", lambda data, folder, recipe, options: told.append(options) or {})
    assert run("pretrain", prepared(), "--out", "model", *SMALL, *words).exit_code == 0
    assert [options.jit_compile for options in told] == [wanted]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("none/",), "none: no index.json, so no whole prepared data; make it with `kerasbert prepare`"),
        (("data", "--batch-size", 5000), "batch_size is 5000: use 1 to "),
        (
            ("data", "--accumulate", 5),
            "batch_size 16 cannot be split over 1 replicas x 5 micro-batches; use a multiple of 5",
        ),
        (("data", "--dev", "none/"), "none: no index.json, so no whole prepared data"),
        (("data", "--init-from", "none/"), "none/: no such folder, nor a hub id such as `owner/name`"),
        (("data", "--strategy", "multi-worker"), "strategy multi-worker needs the variable TF_CONFIG"),
        (("data", "--positions", 20), "20 positions, but the data's rows have up to 32 tokens: use that or more"),
        (("data", "--out", "/proc/model"), "/proc/model: cannot be written ("),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_one_line_and_1(fails, prepared, tmp_path, words, line, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    data, *options = words
    data = prepared() if data == "data" else data
    out = () if "--out" in options else ("--out", "model")
    assert line in fails("pretrain", data, *SMALL, *out, *options)


@pytest.mark.parametrize(
    "words",
    [
        ("data/",),
        ("--out", "model"),
        ("data/", "--out", "model", "--recipe", "mine"),
        ("data/", "--out", "model", "--steps", "0"),
        ("data/", "--out", "model", "--warmup", "2"),
        ("data/", "--out", "model", "--dropout", "1"),
        ("data/", "--out", "model", "--buckets", "16,x"),
        ("data/", "--out", "model", "--buckets", "0"),
        ("data/", "--out", "model", "--size", "huge"),
        ("data/", "--out", "model", "--init-from", "a", "--size", "tiny"),
        ("data/", "--out", "model", "--init-from", "a", "--model-type", "roberta"),
        ("data/", "--out", "model", "--init-from", "a", "--positions", "64"),
        ("data/", "--out", "model", "--init-from", "a", "--dropout", "0"),
        ("data/", "--out", "model", "--save-minutes", "0"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2(run, words, tmp_path):
    result = run("pretrain", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_changed_since_the_run_began_is_named_with_its_option(run, fails, prepared):
    assert run("pretrain", prepared(), "--out", "model", *SMALL, "--steps", 1).exit_code == 0
    message = fails("pretrain", prepared(), "--out", "model", *SMALL, "--steps", 2, "--resume")
    assert "settings.json: begun with recipe steps 1, now 2; --resume wants the same" in message
    assert "model: holds a run that has ended; name another --out" in fails(
        "pretrain", prepared(), "--out", "model", *SMALL
    )


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_and_the_checkpoints_before_stay(prepared, tmp_path):
    """The operating system refuses the write, as it does on a full disk: the first checkpoint is whole, no other is."""
    pytest.importorskip("resource", reason="limits the size of files as POSIX systems do")
    code = """
import resource, sys
from kerasbert import files
save, saved = files.save_file, []
def save_on_a_full_disk(*args, **options):
    if saved:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    saved.append(args)
    save(*args, **options)
files.save_file = save_on_a_full_disk
from kerasbert.cli.main import main
main(sys.argv[1:])
"""
    arguments = [sys.executable, "-c", code, "pretrain", prepared(), "--out", tmp_path / "model", *SMALL]
    done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"Error: .*step-00000003: the checkpoint could not be written \(.*\)\n$", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    checkpoints = [path.name for path in (tmp_path / "model" / "run" / "checkpoints").iterdir()]
    assert checkpoints == ["step-00000000"]
    assert not (tmp_path / "model" / "model.safetensors").exists()


@pytest.mark.slow
def test_rows_that_were_changed_end_it_in_one_line(prepared, tmp_path):
    data = Path(shutil.copytree(prepared(), tmp_path / "data"))
    shard = next((data / "shards").glob("*.tfrecord"))
    content = bytearray(shard.read_bytes())
    for place in range(0, len(content), 50):
        content[place] ^= 255
    shard.write_bytes(content)
    done = subprocess.run(call(data, tmp_path / "model"), capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {shard}: not what was prepared (")
    assert "Traceback" not in done.stderr


def call(data, folder, *options) -> list[str]:
    words = [sys.executable, "-m", "kerasbert.cli", "pretrain", data, "--out", folder, *SMALL, *options]
    return [str(word) for word in words]


@pytest.mark.slow
def test_an_interrupt_is_one_line_and_1(prepared, tmp_path):
    words = call(prepared(), tmp_path / "model", "--steps", 5000)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet()) as process:
        while not process.stderr.readline().startswith("step "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert re.search(r"Error: SIGINT ended the run; step (\d+) is saved, --resume goes on there\n$", said), said
    assert all(line.startswith(("step ", "Error: ")) for line in said.splitlines()), said


def quiet() -> dict:
    """As a user's shell is: without what the tests set."""
    return {name: value for name, value in os.environ.items() if "LOG_LEVEL" not in name}
