"""From prepared data to a model folder: what it holds, all kinds of data and recipes, what is refused before a step."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from runs.short_runs import losses, train, weights
from safetensors.numpy import load_file

from kerasbert import BertEncoder
from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import CheckpointError, ConfigError, DataError, KerasBertError
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.journal import read_csv
from kerasbert.tasks.masking import Masking
from kerasbert.tf.records import encode, write_records
from kerasbert.training.recipes import RECIPES


def evaluated(folder, data, *, steps, **options) -> dict[str, float]:
    """A saved model on batches of some data, the first ones, summed by hand: the loss, the accuracies."""
    model = PretrainingModel.from_pretrained(str(folder))
    source = PretrainingData(data, batch_size=16, **options)
    sums, total = {}, {}
    for step in range(steps):
        batch = source.batch(step)
        for task, weight in model.weights_of(batch).items():
            total[task] = total.get(task, 0.0) + float(weight)
        for task, values in model.sums_of(batch).items():
            for name, value in values.items():
                sums[task, name] = sums.get((task, name), 0.0) + float(value)
    means = {f"{task}_{name}": value / total[task] for (task, name), value in sums.items()}
    return {"loss": sum(value for name, value in means.items() if name.endswith("loss")), **means}


def test_the_folder_holds_the_model_the_record_and_the_run(finished):
    tokenizer = {"vocab.txt", "tokenizer.json", "tokenizer_config.json"}
    record = {"training.csv", "curves.png", "report.md", "report.json", "README.md"}
    assert {path.name for path in finished.folder.iterdir()} == tokenizer | record | {
        "config.json",
        "model.safetensors",
        "run",
    }
    checkpoints = [path.name for path in (finished.folder / "run" / "checkpoints").iterdir()]
    assert sorted(checkpoints) == ["step-00000008", "step-00000012"]


def test_it_learns(finished):
    found = losses(finished.folder)
    assert len(found) == 12
    assert found[0] > np.log(250) + np.log(2) - 0.3  # it knows nothing of 250 words and 2 answers
    assert found[-1] < found[0] - 1.5


def test_the_encoder_of_the_folder_opens_and_has_learnt_weights(finished):
    encoder = BertEncoder.from_pretrained(str(finished.folder))
    output = encoder(encoder.tokenizer(["the film was good"]))
    assert output["sequence_output"].shape == (1, 6, 128)
    assert encoder.config.max_length == 32


def test_the_held_out_figures_are_those_of_the_saved_model(finished):
    found = evaluated(finished.folder, finished.dev, steps=5, masking=Masking(rate=0.3))
    assert PretrainingData(finished.dev, batch_size=16).steps_per_epoch == 5
    for name, value in found.items():
        assert finished.figures[f"val_{name}"] == pytest.approx(value, rel=1e-5), name
    assert finished.figures["val_perplexity"] == pytest.approx(np.exp(found["mlm_loss"]), rel=1e-4)


def test_the_figures_are_the_last_ones_of_the_record(finished):
    last = read_csv(finished.folder)[-1]
    assert finished.figures == {name: last[name] for name in finished.figures}
    assert {"loss", "mlm_loss", "nsp_loss", "mlm_accuracy", "nsp_accuracy", "val_loss"} <= finished.figures.keys()


@pytest.mark.slow
def test_the_same_call_gives_the_same_run_and_another_seed_another(finished, tmp_path):
    train(finished.data, tmp_path / "again", dev=finished.dev)
    assert losses(tmp_path / "again") == losses(finished.folder)
    assert weights(tmp_path / "again") == weights(finished.folder)
    train(finished.data, tmp_path / "other", steps=1, seed=1)
    assert losses(tmp_path / "other")[0] != losses(finished.folder)[0]


@pytest.mark.slow
def test_measuring_and_saving_change_nothing(finished, tmp_path):
    train(finished.data, tmp_path / "plain", save_every=100)
    assert losses(tmp_path / "plain") == losses(finished.folder)


KINDS = {
    "packed pairs": ({"mode": "mlm-nsp", "packed": True, "short_probability": 0.9}, {}),
    "sop": ({"mode": "mlm-sop"}, {}),
    "packed": ({"packed": True, "short_probability": 0.9}, {}),
    "buckets": ({"short_probability": 0.9}, {"buckets": [16, 24]}),
    "whole words": ({}, {"masking": Masking(rate=0.2, whole_words=True)}),
    "roberta": ({}, {"model_type": "roberta"}),
    "distilbert": ({}, {"model_type": "distilbert"}),
    "bf16": ({}, {"precision": "bf16"}),
    "fp16": ({}, {"precision": "fp16"}),
    "accumulated": ({}, {"accumulate": 4}),
    "xla": ({}, {"jit_compile": True}),
    "recomputed": ({}, {"recompute": True}),
    "dropout": ({}, {"dropout": 0.1}),
    "wsd": ({}, {"schedule": "wsd"}),
    "cosine": ({}, {"schedule": "cosine"}),
    "more positions": ({}, {"positions": 100}),
    "mini": ({}, {"size": "mini", "learning_rate": 1e-3}),
    **{f"recipe {name}": ({"mode": RECIPES[name].mode}, {"recipe": name, "learning_rate": 1e-2}) for name in RECIPES},
}


LEARNING = ("packed pairs", "buckets", "roberta", "fp16", "accumulated", "recipe lamb")
"""Kinds that train until they have learnt something. They differ in the batches' shape, the model's family, the loss
scale, the micro-batches and the optimizer. The others make one step: it shows that their options fit together, and what
a step computes has tests of its own."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", LEARNING)
def test_a_kind_of_data_and_run_learns_and_its_weights_are_a_beginning(kind, prepared, tmp_path):
    preparation, options = KINDS[kind]
    folder = tmp_path / "run"
    figures = train(prepared(**preparation), folder, **{"steps": 20, "save_every": 50, **options})
    found = losses(folder)
    assert found[-1] < found[0] - 0.4
    check_folder(kind, folder, figures)
    further = train(prepared(**preparation), tmp_path / "further", steps=1, init_from=folder, learning_rate=1e-9)
    assert further["loss"] < found[0] - 0.4


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in LEARNING])
def test_every_other_kind_makes_a_step_and_its_folder_opens(kind, prepared, tmp_path):
    preparation, options = KINDS[kind]
    figures = train(prepared(**preparation), tmp_path / "run", **{"steps": 1, "warmup": 0.0, **options})
    unknown = np.log(250) + np.log(2) * ("nsp_loss" in figures)  # it knows nothing of 250 words and 2 answers
    assert losses(tmp_path / "run") == [pytest.approx(unknown, abs=0.5)]
    check_folder(kind, tmp_path / "run", figures)


def check_folder(kind: str, folder: Path, figures: dict) -> None:
    """The model in a run's folder is that of its kind."""
    preparation, options = KINDS[kind]
    assert all(map(np.isfinite, figures.values()))
    assert ("nsp_loss" in figures) == ("mode" in preparation and preparation["mode"] != "mlm")
    model = PretrainingModel.from_pretrained(str(folder))
    assert model.config.model_type == options.get("model_type", "bert")
    assert model.nsp == ("nsp_loss" in figures)
    assert model.config.max_length == options.get("positions", 32)
    stored = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {np.dtype("float32")}


def test_other_weights_begin_at_step_0_with_a_new_optimizer(finished, tmp_path):
    """The first loss is theirs on the first batch, the first rate that of the schedule's beginning."""
    options = {"init_from": finished.folder, "seed": 3, "recipe": "24h", "steps": 4}
    train(finished.data, tmp_path / "next", **options)
    first = read_csv(tmp_path / "next")[0]
    found = evaluated(finished.folder, finished.data, steps=1, seed=3, masking=Masking(rate=0.3))
    assert first["loss"] == pytest.approx(found["loss"], rel=1e-5)
    assert first["nsp_accuracy"] == pytest.approx(found["nsp_accuracy"])
    assert first["step"] == 1
    settings = json.loads((tmp_path / "next" / "run" / "settings.json").read_text())
    assert settings["init_from"] == str(finished.folder)


def test_a_checkpoint_without_heads_is_a_beginning_too(tiny_bert, prepared, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "kerasbert"):
        train(prepared(mode="mlm-nsp"), tmp_path / "run", init_from=tiny_bert, steps=1)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["hidden_size"], config["max_position_embeddings"]) == (32, 64)
    assert "new" in caplog.text


def refuses(kind, folder, data, **options) -> str:
    """The message of a run that must end before it writes anything."""
    before = below(folder.parent)
    with pytest.raises(kind) as caught:
        train(data, folder, **options)
    assert type(caught.value) is kind
    assert below(folder.parent) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def below(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "run"


@pytest.fixture
def copied(prepared, tmp_path):
    """A copy of prepared data that a test may spoil."""
    return Path(shutil.copytree(prepared(), tmp_path / "copied"))


def test_data_that_are_not_there_are_named(out):
    assert "none: no index.json, so no whole prepared data" in refuses(DataError, out, "none")


def test_a_missing_shard_is_named(out, copied):
    shard = next((copied / "shards").glob("*.tfrecord"))
    shard.unlink()
    assert f"{shard}: missing or broken" in refuses(DataError, out, copied)


def test_a_truncated_shard_is_named(out, copied):
    shard = next((copied / "shards").glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-7])
    assert f"{shard}: not the file that was prepared" in refuses(DataError, out, copied)


def change_index(folder: Path, change) -> None:
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


def test_an_id_beyond_the_vocabulary_is_refused(out, copied):
    change_index(copied, lambda index: index["shards"][0].update(largest_id=250))
    assert "holds the id 250, but the vocabulary ends at 250" in refuses(DataError, out, copied)


def test_a_vocabulary_that_is_not_the_datas_is_refused(out, copied):
    words = (copied / "tokenizer" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    for path in (copied / "tokenizer").iterdir():
        path.unlink()
    (copied / "tokenizer" / "vocab.txt").write_text("\n".join([*words[:-2], *words[:-3:-1]]) + "\n", encoding="utf-8")
    message = refuses(DataError, out, copied)
    assert f"{copied}: prepared with another vocabulary (250 tokens) than that of {copied}/tokenizer" in message


def test_an_index_that_lies_is_found_out_by_the_batch(copied, tmp_path):
    """The index tells a smaller largest id than a shard has: the gather would read nothing, silently on a GPU."""
    shard = next((copied / "shards").glob("*.tfrecord"))
    rows, tokens = len(np.load(shard.with_suffix(".npy"))), 20
    ids = np.full(rows * tokens, 251)
    bounds = np.arange(rows + 1) * tokens
    columns = {"input_ids": (ids, bounds), "lengths": (np.full(rows, tokens), np.arange(rows + 1))}
    columns["first_lengths"] = columns["lengths"]
    places = write_records(shard, encode(columns))
    np.save(shard.with_suffix(".npy"), np.column_stack([places, np.full(rows, tokens)]))
    with pytest.raises(
        DataError, match=rf"{shard}: not what was prepared \(a row of 20 tokens with ids from 251 to 251\)"
    ):
        train(copied, tmp_path / "run")


@pytest.mark.parametrize("held_out", [False, True])
def test_bytes_that_were_changed_end_the_run_with_the_shards_name(prepared, copied, tmp_path, held_out):
    shard = next((copied / "shards").glob("*.tfrecord"))
    content = bytearray(shard.read_bytes())
    for place in range(0, len(content), 50):
        content[place] ^= 255
    shard.write_bytes(content)
    with pytest.raises(DataError, match=rf"{shard}: not what was prepared "):
        train(prepared() if held_out else copied, tmp_path / "run", dev=copied, save_every=2)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (ConfigError, {"batch_size": 10_000}, r"batch_size is 10000: use 1 to \d+, the rows of "),
        (ConfigError, {"accumulate": 3}, "batch_size 16 cannot be split over 1 replicas x 3 micro-batches"),
        (ConfigError, {"accumulate": 0}, "accumulate is 0"),
        (ConfigError, {"precision": "int8"}, "precision is 'int8': use one of float32, bf16, fp16"),
        (ConfigError, {"strategy": "many"}, "strategy is 'many': use one of auto, "),
        (ConfigError, {"positions": 16}, "16 positions, but the data's rows have up to 32 tokens"),
        (ConfigError, {"size": "huge"}, "huge"),
        (ConfigError, {"model_type": "gpt"}, "gpt"),
        (ConfigError, {"warmup": 13}, "13 steps of warm-up do not fit into a run of 12"),
        (ConfigError, {"schedule": "square"}, "square"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_are_named(out, prepared, kind, options, message):
    assert re.search(message, refuses(kind, out, prepared(), **options))


@pytest.mark.parametrize("model_type", ["roberta", "distilbert"])
def test_pairs_are_for_models_with_a_head_for_them(out, prepared, model_type):
    message = refuses(ConfigError, out, prepared(mode="mlm-nsp"), model_type=model_type)
    assert f"prepared as pairs, which {model_type} has no head for; prepare with --mode mlm" in message


def test_held_out_data_must_hold_a_batch_and_be_prepared_alike(out, prepared):
    few = prepared(seed=5, documents=3)
    assert f"the rows of {few}" in refuses(ConfigError, out, prepared(), dev=few)
    message = refuses(ConfigError, out, prepared(mode="mlm-nsp"), dev=prepared())
    assert "held-out data of mode mlm, but" in message
    message = refuses(ConfigError, out, prepared(), dev=prepared(max_length=40))
    assert "held-out data of max_length 40, but" in message


def test_weights_of_another_vocabulary_are_refused(out, prepared, tiny_bert, tmp_path):
    model = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    words = (model / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (model / "tokenizer.json").unlink()
    (model / "vocab.txt").write_text("\n".join([*words[:-2], *words[:-3:-1]]) + "\n", encoding="utf-8")
    message = refuses(DataError, out, prepared(), init_from=model)
    assert "prepared with another vocabulary (250 tokens) than that of the model (250 tokens)" in message


def test_weights_for_shorter_rows_are_refused(out, prepared, tiny_bert):
    data = prepared(max_length=80)
    message = refuses(ConfigError, out, data, init_from=tiny_bert)
    assert message == f"{tiny_bert}: takes 64 tokens, but the data's rows have up to 80; prepare shorter ones"


def test_weights_without_a_tokenizer_are_refused(out, prepared, tiny_bert, tmp_path):
    model = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (model / name).unlink()
    assert f"{model}: has no tokenizer" in refuses(ConfigError, out, prepared(), init_from=model)


def test_weights_that_are_not_there_are_named(out, prepared):
    assert "none/: no such folder" in refuses(CheckpointError, out, prepared(), init_from="none/")


def test_a_folder_with_something_else_is_left_alone(out, prepared):
    (out / "run").mkdir(parents=True)
    (out / "run" / "mine").write_text("x")
    for resume in (False, True):
        message = refuses(KerasBertError, out, prepared(), resume=resume)
        assert message == f"{out}: the output folder is not empty; name another, or empty it first"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc, where not even root makes files")
def test_a_place_that_cannot_be_written_is_named(prepared):
    with pytest.raises(KerasBertError, match="/proc/run: cannot be written"):
        train(prepared(), Path("/proc/run"))


def test_too_little_room_for_checkpoints_is_said_at_once(out, prepared):
    assert "MB free on its disk, about" in refuses(KerasBertError, out, prepared(), keep=10**9)


def test_a_callback_may_end_the_run_and_the_model_is_written(prepared, tmp_path):
    class Enough(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    train(prepared(), tmp_path / "run", callbacks=[Enough()], log_every=10)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["figures"]["step"] == 3
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    assert (tmp_path / "run" / "model.safetensors").exists()


ON_JAX = """
import json, shutil, sys
from pathlib import Path
from runs.short_runs import train
data, dev, folder = sys.argv[1:]
train(data, folder, dev=dev, steps=8, keep=9)
shutil.copytree(folder, folder + "-again")
shutil.rmtree(folder + "-again/run/checkpoints/step-00000008")
train(data, folder + "-again", dev=dev, steps=8, resume=True)
"""


@pytest.mark.slow
def test_jax_trains_measures_and_goes_on_alike(finished, tmp_path):
    """Steps behind a stop are those of the run without one."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    words = [sys.executable, "-c", ON_JAX, finished.data, finished.dev, tmp_path / "run"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows, again = read_csv(tmp_path / "run"), read_csv(tmp_path / "run-again")
    for one, other in zip(rows, again, strict=True):
        for name in ("step", "loss", "mlm_accuracy", "val_loss", "val_perplexity"):
            assert one.get(name) == other.get(name), (one["step"], name)
    assert weights(tmp_path / "run-again") == weights(tmp_path / "run")
    found = evaluated(tmp_path / "run", finished.dev, steps=5, masking=Masking(rate=0.3))
    assert rows[-1]["val_loss"] == pytest.approx(found["loss"], rel=1e-4)
