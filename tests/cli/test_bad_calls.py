"""Every row of the table ends with its exit code and its line; nothing is written, and nobody waits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from bad_calls import CALLS, FILES, INPUTS

from kerasbert.cli import backend as backends
from kerasbert.cli.main import OUT_OF_MEMORY, main


@pytest.mark.parametrize(("call", "said"), CALLS, ids=[ascii(call) for call, _ in CALLS])
def test_a_wrong_call_ends_with_2(run, call, said, tmp_path):
    result = run(*call.split(" "))
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert said in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_no_wrong_call_loads_tensorflow():
    code = """
import sys
from click.testing import CliRunner
from bad_calls import CALLS
from kerasbert.cli.main import main
for call, _ in CALLS:
    assert CliRunner().invoke(main, call.split(" ")).exit_code == 2, call
    loaded = {"tensorflow", "keras", "jax"} & set(sys.modules)
    assert not loaded, (call, loaded)
print("none")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "none\n", done.stderr[-2000:]


@pytest.fixture
def inputs(tmp_path, tiny_bert):
    """The files and the damaged folders that `INPUTS` names, in the current folder of the calls."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in ("pipe.csv", "pipe.onnx"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    config = json.loads((tiny_bert / "config.json").read_text(encoding="utf-8"))
    deep, answering = "[" * 100_000, {**config, "kerasbert": {"task": "sentence-embedding"}}
    changed = {
        "layers": json.dumps({**answering, "num_hidden_layers": 10**9}),
        "width": json.dumps({**answering, "hidden_size": 10**15, "num_attention_heads": 10}),
        "section": json.dumps({**config, "kerasbert": "yes"}),
        "deep": deep,
        "cut": json.dumps(answering),
        "bert": json.dumps(config),
        "mute": json.dumps(config),
        "japanese": json.dumps({**answering, "tokenizer_class": "BertJapaneseTokenizer"}),
        "pipe": "",
    }
    for name, content in changed.items():
        shutil.copytree(tiny_bert, tmp_path / name)
        (tmp_path / name / "config.json").write_text(content, encoding="utf-8")
    (tmp_path / "pipe" / "config.json").unlink()
    os.mkfifo(tmp_path / "pipe" / "config.json")
    for name in ("vocab.txt", "tokenizer.json"):
        (tmp_path / "mute" / name).unlink()
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (tmp_path / "google").mkdir()
    (tmp_path / "google" / "bert_config.json").write_text("{}")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "kerasbert.json").write_text(deep)


@pytest.mark.parametrize(("call", "said"), INPUTS, ids=[ascii(call) for call, _ in INPUTS])
def test_an_input_that_cannot_be_used_ends_with_1(fails, inputs, call, said):
    assert said in fails(*call.split(" "))


def test_the_table_is_long_enough():
    assert len(CALLS) + len(INPUTS) >= 60


# Backends and memory


@pytest.mark.parametrize(
    ("backend", "line"),
    [
        (
            "jax",
            "Keras is set to jax (KERAS_BACKEND), which is not installed: pip install 'kerasbert[jax]', or "
            "KERAS_BACKEND=tensorflow",
        ),
        (
            "torch",
            "Keras is set to torch (KERAS_BACKEND), which kerasbert does not run on: use "
            "KERAS_BACKEND=tensorflow or jax",
        ),
    ],
)
def test_a_backend_that_is_not_there_is_one_line(fails, tiny_bert, monkeypatch, backend, line):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert fails("export", tiny_bert, "--task", "feature-extraction", "--out", "out") == line


def test_the_commands_name_tensorflow_where_there_is_jax_only(fails, tiny_bert, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "tensorflow" else "found")
    line = fails("export", tiny_bert, "--task", "feature-extraction", "--out", "out")
    assert line.startswith("the commands need TensorFlow beside jax: pip install tensorflow tensorflow-text;")


def test_the_backend_of_keras_own_file_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    backends.check_backend()
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    with pytest.raises(backends.KerasBertError, match=r"Keras is set to torch \(.*keras.json\)"):
        backends.check_backend()


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    "error", [MemoryError(), ResourceExhaustedError("OOM when allocating tensor with shape[1000000,1000000]")]
)
def test_missing_memory_is_one_line(run, monkeypatch, error):
    @click.command()
    def starve():
        raise error

    monkeypatch.setattr(main, "get_command", lambda context, name: starve)
    result = run("starve")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {OUT_OF_MEMORY}\n"
