"""A model that writes texts is fine-tuned: batches by tokens, the mean of several epochs, figures of a sample."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs.short_runs import weights

from kerasbert import Seq2Seq
from kerasbert.errors import ConfigError
from kerasbert.examples.readers import read_examples
from kerasbert.runs import trials
from kerasbert.runs.begun import Stopped
from kerasbert.runs.finetune import FinetuneOptions, finetune
from kerasbert.runs.journal import read_csv
from kerasbert.tasks import task_named

RECIPE = {"epochs": 3, "batch_tokens": 100, "learning_rate": 1e-3, "average": 2, "dev_sample": 3, "save_minutes": 60.0}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> str:
    """Two files with 24 lines each, as the option --train names them."""
    folder, chance = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    sources = [" ".join(chance.choice(["the", "film", "was", "good", "bad"], 2 + i % 5)) for i in range(24)]
    (folder / "train.en").write_text("".join(f"{each}\n" for each in sources))
    (folder / "train.xx").write_text("".join(f"{' '.join(reversed(each.split()))}\n" for each in sources))
    return f"{folder}/train.en,{folder}/train.xx"


@pytest.fixture(scope="module")
def start(tiny_bert, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("start") / "pair"
    Seq2Seq.from_pretrained(tiny_bert, decoder_layers=1, max_length=16, max_new_tokens=8).save_pretrained(folder)
    return str(folder)


def teach(start, pairs, folder, **changes) -> dict[str, float]:
    return finetune("seq2seq", pairs, folder, checkpoint=start, dev=pairs, **{**RECIPE, **changes})


def examples_of(pairs: str):
    return read_examples(Path(pairs), task_named("seq2seq"))


class Watch(trials.BatchFigures):
    """Keeps the weights after each step, and the settings; ends the run after `last` steps."""

    last, seen = None, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(({weight.path: weight.numpy() for weight in self.model.weights}, self.model.settings))
        if self.last == len(self.seen):
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def whole(start, pairs, tmp_path_factory):
    """An uninterrupted run: its folder, its figures, and what `Watch` saw."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "BatchFigures", type("Seen", (Watch,), {"seen": []}))
        figures = teach(start, pairs, folder)
        return folder, figures, trials.BatchFigures.seen


def test_an_epoch_has_the_steps_of_its_batches_by_tokens(whole, start, pairs):
    folder, _, seen = whole
    model = Seq2Seq.from_pretrained(start)
    data = model.dataset(examples_of(pairs), batch_tokens=RECIPE["batch_tokens"])
    for inputs, *_ in data:
        rows, tokens = inputs["input_ids"].shape
        assert rows == 1 or rows * (tokens + inputs["decoder_input_ids"].shape[1]) <= RECIPE["batch_tokens"]
    assert len(seen) == RECIPE["epochs"] * len(data) > RECIPE["epochs"]
    recipe = json.loads((folder / "report.json").read_text())["recipe"]
    assert (recipe["batch_tokens"], "batch_size" in recipe) == (RECIPE["batch_tokens"], False)


def test_the_saved_weights_are_the_mean_of_those_after_the_last_epochs(whole, start, pairs):
    folder, _, seen = whole
    epoch = len(seen) // RECIPE["epochs"]
    ends = [seen[number * epoch - 1][0] for number in (2, 3)]
    saved = Seq2Seq.from_pretrained(str(folder))
    for weight in saved.weights:
        mean = np.mean([each[weight.path] for each in ends], axis=0, dtype="float64")
        np.testing.assert_allclose(weight, mean, rtol=1e-6, atol=1e-7)


def test_the_figures_of_epochs_are_those_of_a_sample_and_those_of_the_end_of_all(whole, pairs):
    """The settings that answer fast are gone again when the next step is made."""
    folder, figures, seen = whole
    measured = [row for row in read_csv(folder) if "val_bleu" in row]
    assert len(measured) == RECIPE["epochs"]
    assert {settings.num_beams for _, settings in seen} == {4}
    model = Seq2Seq.from_pretrained(str(folder))
    examples = examples_of(pairs)
    model.compile()
    answered = list(model.answered(examples))
    for name, value in model.task.figures(answered, model.settings).items():
        assert figures[f"val_{name}"] == value
    again = model.evaluate(model.dataset(examples, batch_tokens=RECIPE["batch_tokens"], shuffle=False), verbose=0)
    assert figures["val_loss"] == pytest.approx(again[0], rel=1e-6)
    assert figures["val_loss"] != measured[-1]["val_loss"]  # of the last epoch's own weights


def test_a_run_that_was_stopped_goes_on_to_the_last_bit(whole, start, pairs, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    for last in (1, len(whole[2]) // 2, None):
        monkeypatch.setattr(trials, "BatchFigures", type("Stop", (Watch,), {"seen": [], "last": last}))
        if last is None:
            assert teach(start, pairs, folder, resume=True) == whole[1]
        else:
            with pytest.raises(Stopped):
                teach(start, pairs, folder, resume=True)
    assert weights(folder) == weights(whole[0])
    assert not (folder / "run" / "checkpoints").exists()


TWO_REPLICAS = """if True:
    import json
    import sys
    import tensorflow as tf
    from kerasbert.runs.finetune import finetune

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    start, pairs, folder, recipe = sys.argv[1:]
    figures = finetune("seq2seq", pairs, folder, checkpoint=start, dev=pairs, strategy="mirrored", **json.loads(recipe))
    print(json.dumps(figures))
"""


@pytest.mark.slow
def test_two_replicas_average_what_one_does(start, pairs, tmp_path):
    """Their masks of dropout are those of two micro-batches."""
    given = [start, pairs, tmp_path / "two", json.dumps(RECIPE)]
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS, *map(str, given)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    wanted = teach(start, pairs, tmp_path / "one", accumulate=2)
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(wanted, abs=1e-4)
    ours, theirs = (Seq2Seq.from_pretrained(str(tmp_path / name)).weights for name in ("two", "one"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_rows_and_tokens_are_not_given_both():
    with pytest.raises(ConfigError, match="batch_size is 8 and batch_tokens is 512: give one of them"):
        FinetuneOptions(batch_size=8, batch_tokens=512)
    with pytest.raises(ConfigError, match="average is 0: use 1 or more"):
        FinetuneOptions(average=0)


def test_a_run_begins_with_the_decoder_and_learns_with_the_smoothing_that_are_given(tiny_bert, pairs, tmp_path):
    recipe = {**RECIPE, "epochs": 1, "average": 1, "dev": pairs, "checkpoint": tiny_bert, "max_length": 16}
    losses = {}
    for smoothing in (0.0, 0.3):
        folder = tmp_path / f"model{smoothing}"
        given = {"decoder_layers": 1, "cross_attention": "additive", "label_smoothing": smoothing}
        losses[smoothing] = finetune("seq2seq", pairs, folder, **recipe, **given)["val_loss"]
    saved = Seq2Seq.from_pretrained(str(folder)).saved_config
    assert (saved.decoder.num_hidden_layers, saved.cross_attention) == (1, "additive")
    assert json.loads((folder / "report.json").read_text())["recipe"]["label_smoothing"] == 0.3
    assert losses[0.3] != pytest.approx(losses[0.0], rel=1e-3)


def test_options_of_a_decoder_are_refused_where_there_is_none_to_begin(start, pairs, tmp_path):
    with pytest.raises(ConfigError, match="has a decoder already; leave decoder_layers out"):
        teach(start, pairs, tmp_path / "out", decoder_layers=2)
    for given, said in (
        ({"decoder_layers": 1}, "decoder_layers is 1: text-classification writes no text"),
        ({"label_smoothing": 0.2}, "label_smoothing is 0.2: text-classification writes no text"),
    ):
        with pytest.raises(ConfigError, match=said):
            finetune("text-classification", "none.csv", tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
    for given, said in (
        ({"decoder_layers": 0}, "decoder_layers is 0: use a number of blocks"),
        ({"cross_attention": "sum"}, "cross_attention is sum: use one of dot, additive"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0: use a share from 0 to below 1"),
    ):
        with pytest.raises(ConfigError, match=said):
            FinetuneOptions(**given)
