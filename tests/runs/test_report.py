"""The picture and the report of a run are whole and true."""

import json
import os
import struct

import pytest
from huggingface_hub import ModelCard
from matplotlib.figure import Figure
from runs.short_runs import train

from kerasbert.corpus.batches import PretrainingData
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.journal import latest, read_csv
from kerasbert.runs.plots import plot_curves
from kerasbert.runs.report import hardware


def size_of_png(path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[-8:-4] == b"IEND"
    return struct.unpack(">II", content[16:24])


PLAIN = {"loss": 3.0, "mlm_loss": 3.0, "mlm_accuracy": 0.2, "learning_rate": 1e-3}
PAIRS = {**PLAIN, "nsp_loss": 0.7, "nsp_accuracy": 0.5}


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"step": 1, **PLAIN}],
        [{"step": step, **PLAIN} for step in range(1, 200)],
        [{"step": 1, **PAIRS}, {"step": 2, **PAIRS, "val_loss": 3.1, "val_mlm_loss": 3.0, "val_nsp_accuracy": 0.5}],
        [{"step": 5, "val_loss": 3.1}, {"step": 10, **PLAIN}],
        [{"step": 1, **PLAIN}, {"step": 2, **PLAIN, "loss": float("inf")}],
    ],
    ids=["nothing", "one record", "long", "pairs and held out", "measured first", "exploded"],
)
def test_any_record_has_its_curves(tmp_path, rows):
    plot_curves(rows, tmp_path / "curves.png")
    assert size_of_png(tmp_path / "curves.png") == (960, 840 if rows else 440)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_short_run_has_panels_with_values_and_whole_steps(tmp_path, monkeypatch, count):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *arguments, **options: drawn.append(figure))
    plot_curves([{"step": step, "loss": 3.0, "learning_rate": 1e-3} for step in range(1, count + 1)], tmp_path / "a")
    (figure,) = drawn
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "learning rate"]
    for axes in figure.axes:
        left, right = axes.get_xlim()
        assert (left, right) == (0.5, count + 0.5)
        assert [tick for tick in axes.get_xticks() if left <= tick <= right] == list(range(1, count + 1))


@pytest.fixture(scope="module")
def report(finished) -> dict:
    return json.loads((finished.folder / "report.json").read_text(encoding="utf-8"))


def test_the_figures_are_those_of_the_record(finished, report):
    assert report["figures"].items() >= latest(read_csv(finished.folder)).items()
    assert report["figures"].items() >= finished.figures.items()
    assert report["figures"]["step"] == 12
    assert report["figures"]["rollbacks"] == 0
    assert report["figures"]["hours"] == pytest.approx(report["figures"]["seconds"] / 3600, abs=1e-3)


def test_the_tokens_are_those_of_the_batches(finished, report):
    data = PretrainingData(finished.data, batch_size=16)
    real = sum(int(data.batch(step)["attention_mask"].sum()) for step in range(12))
    assert report["figures"]["tokens"] == pytest.approx(real, rel=0.05)


def test_the_parameters_are_the_models(finished, report):
    assert report["figures"]["parameters"] == PretrainingModel.from_pretrained(str(finished.folder)).count_params()


def test_data_recipe_and_hardware_are_told(finished, report):
    index = json.loads((finished.data / "index.json").read_text())
    assert report["data"]["folder"] == str(finished.data)
    assert report["data"]["rows"] == sum(shard["rows"] for shard in index["shards"])
    assert report["data"]["documents"] == 80
    assert report["preparation"] == index["settings"]
    recipe = report["recipe"]
    assert (recipe["batch_size"], recipe["steps"], recipe["learning_rate"], recipe["beta_2"]) == (16, 12, 3e-3, 0.98)
    assert report["masking"]["rate"] == 0.3
    assert report["run"] == {"buckets": [32], "seed": 0, "precision": "float32", "init_from": None}
    assert report["model"]["hidden_size"] == 128
    assert report["hardware"] == hardware()
    assert report["hardware"]["cores"] == os.cpu_count()
    assert report["versions"].keys() == {"kerasbert", "keras", "tensorflow", "numpy"}


def test_the_card_says_what_was_learned_and_names_no_place_of_this_machine(finished):
    card = ModelCard.load(finished.folder / "README.md")
    assert (card.data.pipeline_tag, card.data.library_name, card.data.license) == ("fill-mask", "transformers", None)
    assert "made with kerasbert.\n" in card.text
    assert f"| folder | {finished.data.name} |" in card.text
    assert "| learning_rate | 0.003 |" in card.text
    assert "BertForPreTraining" in card.text
    assert "No licence is known." in card.text
    assert str(finished.folder.parent) not in card.text


def test_the_page_for_people_says_the_same(finished, report):
    page = (finished.folder / "report.md").read_text(encoding="utf-8")
    assert page.startswith("# Pre-training report\n\n![loss, accuracy and learning rate](curves.png)\n")
    for title, values in report.items():
        assert f"\n## {title.capitalize()}\n\n| | |\n|---|---|\n" in page
        for name, value in values.items():
            assert (f"\n| {name} | " in page) or value in (None, []), name
    assert f"| loss | {report['figures']['loss']:.6g} |" in page
    assert f"| parameters | {report['figures']['parameters']:,} |" in page
    assert size_of_png(finished.folder / "curves.png") == (960, 840)


@pytest.mark.slow
def test_a_lost_record_does_not_cost_the_model(prepared, tmp_path):
    train(prepared(), tmp_path / "run", steps=2)
    for name in ("training.csv", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    train(prepared(), tmp_path / "run", steps=2, resume=True)
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["figures"]["step"] == 2
