"""A fine-tuning run that is killed or stopped goes on to the last bit, and what differs from its beginning is named."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs.ports import free_ports
from runs.short_runs import difference, weights

from kerasbert.errors import ConfigError, KerasBertError
from kerasbert.runs import trials
from kerasbert.runs.begun import Stopped, begin_settings, held_by
from kerasbert.runs.finetune import finetune
from kerasbert.runs.journal import read_csv
from kerasbert.runs.resume import Checkpoints

TASK = "text-classification"
RECIPE = {"epochs": 2, "batch_size": 50, "learning_rate": 2e-3, "max_length": 16, "save_minutes": 60.0}
"""200 texts: an epoch has 4 steps."""


def teach(bert, train, folder, **changes) -> dict[str, float]:
    return finetune(TASK, train, folder, checkpoint=str(bert), **{**RECIPE, "dev": train, **changes})


def history(folder) -> list[dict]:
    """The records without what depends on the clock."""
    timed = ("seconds", "epoch_seconds", "texts_per_second")
    return [{name: value for name, value in row.items() if name not in timed} for row in read_csv(folder)]


@pytest.fixture(scope="module")
def whole(tiny_bert, opinion_file, tmp_path_factory):
    """An uninterrupted run, and its figures. What it said on stderr is in a file beside it."""
    folder, said = tmp_path_factory.mktemp("whole") / "model", io.StringIO()
    with contextlib.redirect_stderr(said):
        figures = teach(tiny_bert, opinion_file, folder)
    (folder.parent / "said").write_text(said.getvalue())
    return folder, figures


@pytest.fixture
def stop_after(monkeypatch):
    """`stop_after(3)`: the next run gets SIGTERM in its third step."""

    def at(step: int) -> None:
        counted = []

        class Stop(trials.BatchFigures):
            def on_train_batch_end(self, batch, logs=None):
                counted.append(batch)
                if len(counted) == step:
                    signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(trials, "BatchFigures", Stop)

    return at


CODE = """
import sys
from pathlib import Path
from runs.test_finetune_resume import teach
bert, train, folder = map(Path, sys.argv[1:])
teach(bert, train, folder, resume=True, save_minutes=1e-6)
"""


def killed(bert, train, folder: Path, step: int) -> None:
    """Goes on with the run in another process, and kills that once a step is saved."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-c", CODE, bert, train, folder]
    process = subprocess.Popen([*map(str, words)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until = time.monotonic() + 240
    while not (folder / "run" / "checkpoints" / f"step-{step:08d}").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"step {step} never came"
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_in_each_epoch_ends_with_the_same_weights_to_the_last_bit(
    whole, tiny_bert, opinion_file, tmp_path
):
    folder = tmp_path / "model"
    for step in (2, 6):
        killed(tiny_bert, opinion_file, folder, step)
        newest = int(Checkpoints(folder / "run" / "checkpoints").newest().name[5:])
        assert step <= newest < step + 2
        assert not (folder / "model.safetensors").exists()
    assert teach(tiny_bert, opinion_file, folder, resume=True) == whole[1]
    assert weights(folder) == weights(whole[0])
    assert history(folder) == history(whole[0])


@pytest.mark.slow
def test_a_signal_in_any_step_saves_and_loses_nothing(whole, tiny_bert, opinion_file, tmp_path, stop_after):
    """In the middle of an epoch, and in its last step, whose measurement is then made by the run that goes on.

    The signal comes at the end of a step, so the next one is the last.
    """
    folder = tmp_path / "model"
    for after, step in ((1, 2), (1, 4), (3, 8)):
        stop_after(after)
        with pytest.raises(Stopped, match=rf"^SIGTERM ended the run; step {step} is saved, --resume goes on there$"):
            teach(tiny_bert, opinion_file, folder, resume=True)
        assert not (folder / "model.safetensors").exists()
    stop_after(99)
    assert teach(tiny_bert, opinion_file, folder, resume=True) == whole[1]
    assert weights(folder) == weights(whole[0])
    assert history(folder) == history(whole[0])


@pytest.mark.slow
def test_a_run_with_lora_goes_on_to_the_last_bit_and_its_folder_is_plain(tiny_bert, opinion_file, tmp_path, stop_after):
    options = {"lora": 4, "learning_rate": 2e-2, "keep": "best"}
    figures = teach(tiny_bert, opinion_file, tmp_path / "whole", **options)
    stop_after(1)
    with pytest.raises(Stopped, match="step 2 is saved"):
        teach(tiny_bert, opinion_file, tmp_path / "model", **options)
    stop_after(99)
    assert teach(tiny_bert, opinion_file, tmp_path / "model", resume=True, **options) == figures
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    assert history(tmp_path / "model") == history(tmp_path / "whole")
    report = json.loads((tmp_path / "model" / "report.json").read_text())
    total = report["figures"]["parameters"]
    # Of two blocks: 32 x 4 and 4 x 32 for four layers of the attention, and 32 x 4 and 4 x 64 for two beside it. Then
    # the pooler and the classifier.
    added = 2 * 4 * (4 * (32 + 32) + 2 * (32 + 64))
    learning = {"trainable parameters": added + 33 * 32 + 33 * 2, "of them LoRA's": added}
    assert report["lora"] == {
        "rank": 4,
        "layers": "every linear layer of 2 blocks",
        **learning,
        "total parameters": total + added,
    }
    assert "| trainable parameters | 4,706 |" in (tmp_path / "model" / "report.md").read_text()
    old, new = weights(tiny_bert), weights(tmp_path / "model")
    changed = {name for name in old if old[name] != new[f"bert.{name}"]}
    layers = (*(f"attention.self.{name}" for name in ("query", "key", "value")), "attention.output.dense")
    layers += ("intermediate.dense", "output.dense")
    adapted = {f"encoder.layer.{i}.{layer}.weight" for i in range(2) for layer in layers}
    assert changed == adapted | {"pooler.dense.weight", "pooler.dense.bias"}


@pytest.fixture(scope="module")
def begun(tiny_bert, opinion_file, tmp_path_factory):
    """A run that was stopped behind its second step: for reading."""
    folder = tmp_path_factory.mktemp("begun") / "model"
    with pytest.MonkeyPatch.context() as patch:

        class Stop(trials.BatchFigures):
            def on_train_batch_end(self, batch, logs=None):
                signal.raise_signal(signal.SIGTERM)

        patch.setattr(trials, "BatchFigures", Stop)
        with pytest.raises(Stopped):
            teach(tiny_bert, opinion_file, folder)
    return folder


def test_a_stopped_run_holds_a_checkpoint_and_no_model(begun):
    assert {path.name for path in begun.iterdir()} == {"run", "training.csv"}
    assert [path.name for path in Checkpoints(begun / "run" / "checkpoints").paths()] == ["step-00000002"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 3}, "recipe epochs 2, now 3"),
        ({"batch_size": 25}, "recipe batch_size 50, now 25"),
        ({"learning_rate": 1e-3}, r"recipe learning_rate [0.002], now [0.001]"),
        ({"warmup": 0.5}, "recipe warmup 0.1, now 0.5"),
        ({"lora": 4}, "recipe lora None, now 4"),
        ({"weight_decay": 0.0}, "recipe weight_decay 0.01, now 0.0"),
        ({"layer_decay": 0.9}, "recipe layer_decay None, now 0.9"),
        ({"class_weight": "balanced"}, "recipe class_weight None, now 'balanced'"),
        ({"keep": "best"}, "recipe keep 'last', now 'best'"),
        ({"metric": "loss"}, "recipe metric 'accuracy', now 'loss'"),
        ({"early_stopping": 1}, "recipe keep 'last', now 'best'"),
        ({"early_stopping": 1, "keep": "last"}, "recipe early_stopping None, now 1"),
        ({"max_length": 12}, "settings max_length 16, now 12"),
        ({"settings": {"pooling": "mean"}}, "settings pooling None, now 'mean'"),
        ({"seed": 1}, "seed 0, now 1"),
        ({"precision": "bf16"}, "precision 'float32', now 'bf16'"),
        ({"dev": None}, "data dev_rows 200, now None"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_must_stay_the_same_is_named(begun, tiny_bert, opinion_file, change, named):
    with pytest.raises(ConfigError) as caught:
        teach(tiny_bert, opinion_file, begun, resume=True, **change)
    message = str(caught.value)
    assert f"settings.json: begun with {named}; --resume wants the same, another --out begins a new run" in message
    assert "\n" not in message


def test_other_data_are_refused_also_where_only_one_label_differs(begun, tiny_bert, opinion_file, tmp_path):
    text = opinion_file.read_text()
    other = tmp_path / "train.csv"
    other.write_text(text.replace("positive", "negative", 1))
    with pytest.raises(ConfigError, match=r"settings.json: begun with data sha256 '\w+', now '\w+'"):
        teach(tiny_bert, other, begun, resume=True, dev=opinion_file)


def test_a_run_is_not_written_over(begun, tiny_bert, opinion_file):
    with pytest.raises(KerasBertError, match="model: holds a run; --resume goes on with it, or name another --out"):
        teach(tiny_bert, opinion_file, begun)


def test_a_run_that_has_ended_is_told_without_resume(whole, tiny_bert, opinion_file):
    with pytest.raises(KerasBertError, match="holds a run that has ended; name another --out"):
        teach(tiny_bert, opinion_file, whole[0])


@pytest.mark.parametrize(
    ("begin", "way"),
    [
        (lambda folder: None, "it had not begun, and nothing is written"),
        (lambda folder: begin_settings(folder / "run", {}), "--resume goes on from its last checkpoint"),
    ],
)
def test_a_signal_between_the_steps_says_how_to_go_on(tmp_path, begin, way):
    def stopped_run():
        with held_by(True, tmp_path / "model"):
            begin(tmp_path / "model")
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match=f"^a signal ended the run; {way}$"):
        stopped_run()


def test_a_run_that_had_ended_is_not_made_again(whole, tiny_bert, opinion_file, caplog):
    folder, figures = whole
    with caplog.at_level("INFO", "kerasbert"):
        assert teach(tiny_bert, opinion_file, folder, resume=True) == figures
    assert caplog.messages == [f"{folder}: the run had ended, and its model is written"]


def test_the_folder_of_a_run_that_ended_holds_the_model_and_the_record(whole):
    folder, figures = whole
    assert {path.name for path in (folder / "run").iterdir()} == {"settings.json", "finished.json", "tensorboard"}
    report = json.loads((folder / "report.json").read_text())
    assert report["figures"].items() >= figures.items()
    assert (report["figures"]["kept epoch"], report["figures"]["step"]) == (2, 8)
    assert report["classes"].keys() == {"negative", "positive"}
    assert (folder / "report.md").read_text().startswith("# Fine-tuning report\n\n![loss")
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_records_of_an_epochs_last_step_tell_of_the_epoch(whole):
    folder, figures = whole
    assert [row["step"] for row in read_csv(folder)] == [*range(1, 9)]
    rows = [row for row in read_csv(folder) if "epoch_loss" in row]
    assert [row["step"] for row in rows] == [4, 8]
    assert {"loss", "epoch_loss", "epoch_accuracy", "epoch_seconds", "val_loss", "val_accuracy"} <= rows[0].keys()
    assert rows[0]["epoch_seconds"] + rows[1]["epoch_seconds"] == pytest.approx(rows[1]["seconds"], abs=0.01)
    assert rows[1]["epoch_loss"] == figures["loss"]
    assert rows[1]["val_loss"] == figures["val_loss"]


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_checkpoint_begins(whole, begun, tiny_bert, opinion_file, tmp_path):
    folder = Path(shutil.copytree(begun, tmp_path / "again"))
    shutil.rmtree(folder / "run" / "checkpoints")
    assert teach(tiny_bert, opinion_file, folder, resume=True) == whole[1]


def test_lines_show_each_epoch_with_its_own_time(whole):
    folder, _ = whole
    lines = (folder.parent / "said").read_text().splitlines()
    assert lines[0].startswith("epoch 1/2  step 1/4  loss 0.")
    shown = r"loss \d\.\d{4}  val_loss \d\.\d{4}  accuracy \d\.\d{4}  val_accuracy \d\.\d{4}"
    ends = [re.fullmatch(rf"epoch (\d)/2  (\d+\.\d) s  {shown}", line) for line in lines]
    ends = [(int(end[1]), float(end[2])) for end in ends if end]
    seconds = [row["epoch_seconds"] for row in read_csv(folder) if "epoch_seconds" in row]
    assert ends == [(1, round(seconds[0], 1)), (2, round(seconds[1], 1))]


@pytest.mark.slow
@pytest.mark.cluster
def test_two_workers_teach_the_model_that_one_teaches(tiny_bert, opinion_file, tmp_path):
    """200 texts in batches of 30: the last batch of an epoch does not divide. The chief alone writes."""
    bert = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    config = json.loads((bert / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (bert / "config.json").write_text(json.dumps(config))
    options = {"batch_size": 30, "keep": "best", "metric": "macro_f1", "learning_rate": 1e-3}
    figures = teach(bert, opinion_file, tmp_path / "one", **options)
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    words = "finetune text-classification --batch-size 30 --keep best --metric macro_f1 --learning-rate 1e-3 --epochs 2"
    words += f" --max-length 16 --strategy multi-worker --resume --checkpoint {bert} --out {tmp_path / 'two'}"
    words += f" --train {opinion_file} --dev {opinion_file}"
    workers = []
    for index in range(2):
        cluster = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(cluster), "CUDA_VISIBLE_DEVICES": ""}
        called = [sys.executable, "-m", "kerasbert.cli", *words.split()]
        workers.append(
            subprocess.Popen(called, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    for worker in workers:
        out, err = worker.communicate(timeout=300)
        assert worker.returncode == 0, out + err
        assert f"val_macro_f1 {figures['val_macro_f1']:.4f}" in out.splitlines()[-1]
    assert difference(tmp_path / "one", tmp_path / "two") < 1e-5
