"""What the options of a fine-tuning run do: best epoch, early stopping, learning rates, weights, devices."""

import json
import shutil
import signal
from pathlib import Path

import keras
import pytest
from conftest import opinions, write_csv
from runs.short_runs import weights

from kerasbert import TextClassifier
from kerasbert.errors import ConfigError
from kerasbert.runs import trials
from kerasbert.runs.begun import Stopped
from kerasbert.runs.finetune import FinetuneOptions, finetune
from kerasbert.runs.journal import read_csv
from kerasbert.runs.run import Diverged
from kerasbert.training.optimizers import adamw

TASK = "text-classification"
SMALL = {"epochs": 1, "batch_size": 50, "max_length": 16, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> Path:
    return write_csv(tmp_path_factory.mktemp("dev") / "dev.csv", opinions(240)[200:])


def teach(bert, train, folder, **options) -> dict[str, float]:
    return finetune(TASK, train, folder, checkpoint=str(bert), **{**SMALL, **options})


@pytest.mark.slow
def test_early_stopping_and_the_best_epoch_are_those_of_keras(tiny_bert, opinion_file, dev, tmp_path):
    """The accuracies are 0.5, 1, 1, 1: the first of the equal epochs is the best, and the fourth ends the run."""
    keras.utils.set_random_seed(0)
    model = TextClassifier.from_pretrained(tiny_bert, labels=["negative", "positive"], max_length=16, pairs=False)
    model.compile(adamw(learning_rate=1e-2, steps=8 * 8, warmup=0.1))
    stopping = keras.callbacks.EarlyStopping("val_accuracy", patience=2, restore_best_weights=True)
    saved = tmp_path / "best.weights.h5"
    saving = keras.callbacks.ModelCheckpoint(saved, "val_accuracy", save_best_only=True, save_weights_only=True)
    keras_history = model.fit(
        model.dataset(opinion_file, batch_size=25, seed=0),
        epochs=8,
        validation_data=model.dataset(dev, batch_size=25, shuffle=False),
        shuffle=False,
        verbose=0,
        callbacks=[stopping, saving],
    ).history
    assert stopping.stopped_epoch > stopping.best_epoch + 1 > 1
    model.save_pretrained(tmp_path / "keras")
    recipe = {"dev": dev, "epochs": 8, "batch_size": 25, "learning_rate": 1e-2, "early_stopping": 2}
    figures = teach(tiny_bert, opinion_file, tmp_path / "ours", **recipe)
    assert weights(tmp_path / "ours") == weights(tmp_path / "keras")
    model.load_weights(saved)
    model.save_pretrained(tmp_path / "saved")
    assert weights(tmp_path / "saved") == weights(tmp_path / "keras")
    measured = [row for row in read_csv(tmp_path / "ours") if "val_loss" in row]
    for name in ("val_loss", "val_accuracy"):
        assert [row[name] for row in measured] == keras_history[name]
    assert figures["val_loss"] == keras_history["val_loss"][stopping.best_epoch]
    report = json.loads((tmp_path / "ours" / "report.json").read_text())
    assert report["figures"]["kept epoch"] == stopping.best_epoch + 1


@pytest.fixture(scope="module")
def tried(tiny_bert, opinion_file, dev, tmp_path_factory):
    """A run with three rates, of which the third will explode, that was stopped in the second."""
    folder = tmp_path_factory.mktemp("tried") / "model"
    steps = []
    with pytest.MonkeyPatch.context() as patch:

        class Stop(trials.BatchFigures):
            def on_train_batch_end(self, batch, logs=None):
                steps.append(batch)
                if len(steps) == 16 + 3:
                    signal.raise_signal(signal.SIGTERM)

        patch.setattr(trials, "BatchFigures", Stop)
        with pytest.raises(Stopped, match=r"^SIGTERM ended the run; step 4 is saved, --resume goes on there$"):
            teach(tiny_bert, opinion_file, folder, **RATES, dev=dev)
    return folder


RATES = {"learning_rate": [1e-5, 1e-2, 1e38], "epochs": 2, "batch_size": 25, "warmup": 0.0, "metric": "loss"}


@pytest.mark.slow
def test_several_rates_are_tried_and_the_best_is_kept(tried, tiny_bert, opinion_file, dev, tmp_path, caplog):
    """A rate that was finished is not trained again, and one that explodes does not end the run."""
    folder = Path(shutil.copytree(tried, tmp_path / "model"))
    outcome = folder / "run" / "rate-1e-05" / "outcome.json"
    first = {**json.loads(outcome.read_text()), "val_loss": 0.75, "value": 0.75}
    outcome.write_text(json.dumps(first))
    with caplog.at_level("INFO", "kerasbert"):
        figures = teach(tiny_bert, opinion_file, folder, **RATES, dev=dev, resume=True)
    told = [line for line in caplog.messages if "rate" in line or "step" in line]
    assert told[:2] == ["learning rate 1e-05, 1 of 3", "learning rate 0.01, 2 of 3"]
    assert "from step 4 on" in told[2]
    assert any(line.startswith("learning rate 1e+38: the loss became nan in step ") for line in told)
    assert told[-1] == "learning rate 0.01 is kept"
    alone = teach(tiny_bert, opinion_file, tmp_path / "alone", **RATES | {"learning_rate": 1e-2}, dev=dev)
    assert figures == alone
    assert weights(folder) == weights(tmp_path / "alone")
    assert len(read_csv(folder)) == len(read_csv(tmp_path / "alone"))
    table = json.loads((folder / "report.json").read_text())["learning rates"]
    assert table.keys() == {"1e-05", "0.01", "1e+38"}
    assert table["1e-05"]["val_loss"] == 0.75
    assert table["0.01"]["val_loss"] == alone["val_loss"]
    assert table["1e+38"] == {"kept": "", "epoch": None}
    assert [name for name, row in table.items() if row["kept"]] == ["0.01"]
    assert not list(folder.rglob("checkpoints"))
    logs = {path.parent.name for path in (folder / "run" / "tensorboard").rglob("events*")}
    assert logs == {"rate-1e-05", "rate-0.01", "rate-1e+38"}


@pytest.mark.slow
def test_each_rate_begins_with_the_same_matrices(tiny_bert, opinion_file, dev, tmp_path):
    options = {"lora": 4, "dev": dev, "precision": "bf16", "layer_decay": 0.9, "metric": "loss"}
    figures = teach(tiny_bert, opinion_file, tmp_path / "both", **options, learning_rate=[1e-2, 1e-5])
    assert teach(tiny_bert, opinion_file, tmp_path / "one", **options, learning_rate=1e-5) == figures
    assert weights(tmp_path / "both") == weights(tmp_path / "one")


def test_of_equal_rates_the_first_is_kept():
    job = trials.Job(**dict.fromkeys(trials.Job.__dataclass_fields__) | {"better": "max"})

    def best(*values):
        outcomes = [{"epoch": None if x == "exploded" else 1, "value": x, "n": n} for n, x in enumerate(values)]
        return trials.Trials(job)._best_of(outcomes)

    assert best(0.5, 0.75, 0.75)["n"] == 1
    assert best(None, 0.5)["n"] == 1
    assert best("exploded", None, None)["n"] == 1
    assert best("exploded", "exploded") is None


@pytest.mark.slow
def test_rates_that_all_explode_leave_nothing(tiny_bert, opinion_file, dev, tmp_path):
    with pytest.raises(Diverged, match=r"^the loss became no number with every learning rate; try a tenth of 1e\+37$"):
        teach(tiny_bert, opinion_file, tmp_path / "out", learning_rate=[1e38, 1e37], warmup=0.0, dev=dev)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_numbers_are_judged_by_their_loss(tiny_bert, tmp_path):
    """Their task's headline, the accuracy, is no figure of theirs."""
    rows = [(text, 1.0 if label == "positive" else 0.0) for text, label in opinions(40)]
    data = write_csv(tmp_path / "numbers.csv", rows)
    options = {"dev": data, "settings": {"problem_type": "regression"}, "keep": "best"}
    figures = teach(tiny_bert, data, tmp_path / "out", **options)
    assert {"loss", "mae", "val_loss", "val_mse", "val_mae"} <= figures.keys()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["recipe"]["metric"] == "loss"
    assert "classes" not in report
    with pytest.raises(ConfigError, match=r"^metric is 'accuracy': use one of loss, mse, mae, pearson$"):
        teach(tiny_bert, data, tmp_path / "other", **options, metric="accuracy")


@pytest.mark.slow
def test_entities_are_judged_by_f1_each_epoch_and_shown_by_type(tiny_bert, tiny_tagger, tmp_path):
    data = tiny_tagger / "train.conll"
    options = {"checkpoint": str(tiny_bert), "dev": data, "epochs": 3, "batch_size": 10, "learning_rate": 5e-3}
    figures = finetune("token-classification", data, tmp_path / "out", max_length=16, keep="best", **options)
    rows = [row for row in read_csv(tmp_path / "out") if "val_f1" in row]
    assert len(rows) == 3
    assert figures["val_f1"] == max(row["val_f1"] for row in rows) > 0
    classes = json.loads((tmp_path / "out" / "report.json").read_text())["classes"]
    assert classes.keys() == {"PRAISE", "THING"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "name", "content", "measured"),
    [
        (TASK, "a.csv", "text,label\n" + "the film was good and the food was bad,x\na book,y\n" * 4, "macro_f1"),
        ("fill-mask", "a.txt", "the film was good and the food was bad\na book\n" * 4, "perplexity"),
    ],
)
def test_epochs_are_judged_as_the_end_is_where_keras_judges_otherwise(
    tiny_bert, tmp_path, task, name, content, measured
):
    """Long texts are read in windows, and masks are drawn."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    options = {**SMALL, "checkpoint": str(tiny_bert), "dev": tmp_path / name, "max_length": 8}
    figures = finetune(task, tmp_path / name, tmp_path / "out", **options)
    (row,) = [row for row in read_csv(tmp_path / "out") if "val_accuracy" in row]
    for each in ("accuracy", measured):
        assert row[f"val_{each}"] == pytest.approx(figures[f"val_{each}"], rel=1e-5)


@pytest.mark.slow
def test_balanced_labels_weigh_what_scikit_learns_formula_says(tiny_bert, tmp_path):
    """150 and 50 of 200 texts: 200 / (2 * 150) and 200 / (2 * 50), as Keras's `class_weight`."""
    rows = opinions(400)
    negative, positive = ([row for row in rows if row[1] == label] for label in ("negative", "positive"))
    train = write_csv(tmp_path / "train.csv", negative[:150] + positive[:50])
    keras.utils.set_random_seed(0)
    model = TextClassifier.from_pretrained(tiny_bert, labels=["negative", "positive"], max_length=16, pairs=False)
    model.compile(adamw(learning_rate=1e-3, steps=4, warmup=0.1))
    data = model.dataset(train, batch_size=50, class_weight={"negative": 2 / 3, "positive": 2.0})
    model.fit(data, shuffle=False, verbose=0)
    model.save_pretrained(tmp_path / "keras")
    teach(tiny_bert, train, tmp_path / "ours", class_weight="balanced")
    assert weights(tmp_path / "ours") == weights(tmp_path / "keras")


def test_options_reach_the_step(tiny_bert, opinion_file, tmp_path, monkeypatch):
    class Compiled(Exception):
        pass

    def compile(self, optimizer, **options):
        decay, factors = optimizer.weight_decay, optimizer.layer_decay
        raise Compiled(decay, factors, options, self.encoder.embeddings.compute_dtype)

    monkeypatch.setattr(TextClassifier, "compile", compile)
    options = {"weight_decay": 0.5, "layer_decay": 0.9, "accumulate": 4, "precision": "bf16"}
    with pytest.raises(Compiled) as caught:
        teach(tiny_bert, opinion_file, tmp_path / "out", **options)
    assert caught.value.args == (0.5, 0.9, {"loss": None, "accumulate": 4}, "bfloat16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": [1e-3, 0]}, r"^learning_rate is \[0.001, 0\]: use a number above 0, several different ones"),
        ({"learning_rate": []}, r"^learning_rate is \[\]: use a number above 0, several different ones, or None"),
        ({"learning_rate": [1e-3, 1e-3]}, r"^learning_rate is \[0.001, 0.001\]: use a number above 0, several differ"),
        ({"learning_rate": [1e-3, 1e-4]}, r"^learning_rate is \[0.001, 0.0001\], which needs held-out examples: give"),
        ({"keep": "best"}, r"^keep is best, which needs held-out examples: give dev$"),
        ({"metric": "loss"}, r"^metric is loss, which needs held-out examples: give dev$"),
        ({"early_stopping": 2}, r"^early_stopping is 2, which needs held-out examples: give dev$"),
        ({"early_stopping": 0}, r"^early_stopping is 0: use a number of epochs, 1 or more, or None$"),
        ({"keep": "first"}, r"^keep is first: use 'best', 'last' or None$"),
        ({"class_weight": {"a": 2}}, r"^class_weight is \{'a': 2\}: use 'balanced' or None$"),
        ({"weight_decay": -1}, r"^weight_decay is -1: use 0 or more$"),
        ({"accumulate": 0}, r"^accumulate is 0: use 1 or more$"),
        ({"lora": 0}, r"^lora is 0: use a rank, 1 or more, or None to let every weight learn$"),
        ({"save_minutes": float("nan")}, r"^save_minutes is nan: use a number above 0$"),
        ({"precision": "int8"}, r"^precision is 'int8': use one of float32, bf16, fp16$"),
        ({"strategy": "all"}, r"^strategy is 'all': use one of auto, one, mirrored"),
    ],
)
def test_options_that_no_run_can_have_or_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        FinetuneOptions(**options)


def test_the_best_epoch_is_kept_where_a_run_ends_early():
    assert FinetuneOptions(dev="dev.csv", early_stopping=2).keeps_best
    assert not FinetuneOptions(dev="dev.csv", early_stopping=2, keep="last").keeps_best
    assert not FinetuneOptions(dev="dev.csv").keeps_best


def test_a_metric_of_another_task_is_refused(tiny_bert, opinion_file, tmp_path):
    with pytest.raises(ConfigError, match=r"^metric is 'f1': use one of loss, accuracy, macro_f1$"):
        teach(tiny_bert, opinion_file, tmp_path / "out", dev=opinion_file, metric="f1")
    assert not (tmp_path / "out").exists()
