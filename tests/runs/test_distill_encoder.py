"""From a teacher's folder and text to a student's folder: what it holds, what it goes on from, what is refused."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
from conftest import random_sentence
from runs.short_runs import losses, weights

from kerasbert import BertConfig, BertEncoder, MaskFiller
from kerasbert.corpus.batches import PlainData
from kerasbert.corpus.pipelines import prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.models.distilling import RelationDistiller
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs import distill_encoder as job
from kerasbert.runs.begun import Stopped
from kerasbert.runs.distill_encoder import distill_encoder
from kerasbert.runs.distill_encoder_options import EncoderDistillOptions

SMALL = {"batch_size": 8, "steps": 8, "learning_rate": 3e-3, "max_length": 32, "log_every": 1, "save_every": 4}


def distil(teacher, text, folder, *, callbacks=(), **options) -> dict[str, float]:
    return distill_encoder(teacher, text, folder, EncoderDistillOptions(**{**SMALL, **options}), callbacks=callbacks)


def written(path: Path, seed: int, documents: int = 40) -> Path:
    draw = random.Random(seed)
    texts = ["\n".join(random_sentence(draw) for _ in range(draw.randint(3, 6))) for _ in range(documents)]
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> SimpleNamespace:
    """Raw text and held-out text."""
    folder = tmp_path_factory.mktemp("texts")
    return SimpleNamespace(text=written(folder / "text.txt", 1), dev=written(folder / "dev.txt", 2), folder=folder)


@pytest.fixture(scope="module")
def masker(tiny_bert, tmp_path_factory) -> Path:
    """`tiny_bert` with a random head for masked words, as a folder."""
    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("masker") / "masker"
    PretrainingModel.from_pretrained(str(tiny_bert), nsp=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def finished(tiny_bert, place) -> SimpleNamespace:
    """A student of one block that learned relations."""
    folder = place.folder / "relations"
    figures = distil(tiny_bert, place.text, folder, dev=place.dev, layers=1)
    return SimpleNamespace(folder=folder, figures=figures)


def test_the_folder_holds_the_student_and_the_record(finished):
    student = BertEncoder.from_pretrained(str(finished.folder))
    assert (student.config.num_hidden_layers, student.config.hidden_size) == (1, 32)
    assert student(student.tokenizer(["the film was good"]))["sequence_output"].shape == (1, 6, 32)
    assert losses(finished.folder)[-1] < losses(finished.folder)[0]
    report = json.loads((finished.folder / "report.json").read_text())
    assert report["recipe"]["loss"] == "relations"
    assert report["recipe"]["teacher_block"] == 1
    assert report["student"]["begins as"] == "blocks 0 of the teacher"
    card = (finished.folder / "README.md").read_text()
    assert "It was distilled from the folder `bert` with MiniLMv2's relation loss." in card
    assert "dev.txt" in card


def test_the_held_out_loss_is_that_of_the_saved_student(finished, tiny_bert):
    student, teacher = (BertEncoder.from_pretrained(str(each)) for each in (finished.folder, tiny_bert))
    model, data = RelationDistiller(student, teacher), PlainData(finished.folder / "run" / "dev", batch_size=8)
    total, tokens = 0.0, 0.0
    for step in range(data.steps_per_epoch):
        total += sum(float(part["loss"]) for part in model.sums_of(data.batch(step)).values())
        tokens += float(model.weights_of(data.batch(step))["keys"])
    assert finished.figures["val_loss"] == pytest.approx(total / tokens, rel=1e-3)


def test_no_word_is_masked_in_plain_rows(finished):
    data = PlainData(finished.folder / "run" / "data", batch_size=8)
    batch = data.batch(0)
    assert set(batch) == {"input_ids", "attention_mask", "token_type_ids"}
    rows, _, _ = data.rows_of(0)
    for ids, stored in zip(batch["input_ids"], data.read_rows(rows), strict=True):
        assert ids[: len(stored["input_ids"])].tolist() == stored["input_ids"].tolist()


def test_the_triple_loss_gives_a_model_that_fills_masks(masker, place, tmp_path):
    figures = distil(masker, place.text, tmp_path / "out", loss="triple", layers=1, dev=place.dev)
    assert {"soft_loss", "mlm_loss", "cosine_loss", "mlm_accuracy", "val_soft_loss"} <= figures.keys()
    parts = (5 * figures["val_soft_loss"], 2 * figures["val_mlm_loss"], figures["val_cosine_loss"])
    assert figures["val_loss"] == pytest.approx(sum(parts), rel=1e-5)
    assert losses(tmp_path / "out")[-1] < losses(tmp_path / "out")[0]
    answers = MaskFiller.from_pretrained(str(tmp_path / "out")).predict_text(["the film was [MASK]"])
    assert answers
    assert "with DistilBERT's triple loss." in (tmp_path / "out" / "README.md").read_text()


def test_a_student_may_be_new_or_a_folder_and_rows_may_be_prepared(finished, tiny_bert, prepared, tmp_path):
    config = BertConfig(
        vocab_size=250, hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=16,
        max_position_embeddings=32,
    )  # fmt: skip
    distil(tiny_bert, prepared(packed=True), tmp_path / "new", config=config, steps=1)
    assert BertEncoder.from_pretrained(str(tmp_path / "new")).config.hidden_size == 24
    assert not (tmp_path / "new" / "run" / "data").exists()
    further = distil(tiny_bert, prepared(), tmp_path / "further", student=finished.folder, steps=1, max_length=16)
    report = json.loads((tmp_path / "further" / "report.json").read_text())
    assert (report["recipe"]["max_length"], report["preparation"]["max_length"]) == (32, 32)
    assert report["recipe"]["steps"] == 1
    assert "epochs" not in report["recipe"]
    assert further["loss"] < losses(finished.folder)[0]


KILLED = """
import json, os, signal, sys, keras
from runs.test_distill_encoder import distil
class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 5:
            os.kill(os.getpid(), signal.SIGKILL)
distil(*sys.argv[1:4], callbacks=[Kill()], **json.loads(sys.argv[4]))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_last_bit(masker, place, tmp_path):
    options = {"loss": "triple", "layers": 1}
    distil(masker, place.text, tmp_path / "whole", **options)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, "-c", KILLED, masker, place.text, tmp_path / "killed", json.dumps(options)]
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    with pytest.raises(KerasBertError, match="holds a run; --resume goes on with it"):
        distil(masker, place.text, tmp_path / "killed", **options)
    distil(masker, place.text, tmp_path / "killed", resume=True, **options)
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_a_run_stopped_before_its_rows_are_made_goes_on(tiny_bert, place, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(job, "prepare", stop)
        with pytest.raises(Stopped, match="--resume goes on"):
            distil(tiny_bert, place.text, tmp_path / "out", layers=1, steps=1)
    with pytest.raises(ConfigError, match=r"begun with recipe learning_rate 0\.003, now 0\.1"):
        distil(tiny_bert, place.text, tmp_path / "out", layers=1, steps=1, resume=True, learning_rate=0.1)
    with pytest.raises(ConfigError, match=r"begun with text files 'text\.txt', now 'dev\.txt'"):
        distil(tiny_bert, place.dev, tmp_path / "out", layers=1, steps=1, resume=True)
    distil(tiny_bert, place.text, tmp_path / "out", layers=1, steps=1, resume=True)
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_run_does_not_go_on_with_other_rows_of_the_same_name_and_size(tiny_bert, tmp_path):
    """In the other text two words are exchanged."""

    def prepared(number: int, word: str, other: str) -> Path:
        text, folder = tmp_path / f"{number}.txt", tmp_path / str(number) / "rows"
        text.write_text(f"the film was {word} .\n\nthe film was {other} .\n" * 8, encoding="utf-8")
        prepare([str(text)], tiny_bert, folder, settings=Settings(max_length=32))
        return folder

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    first, other = prepared(1, "good", "bad"), prepared(2, "bad", "good")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "train_on_rows", stop)
        with pytest.raises(Stopped):
            distil(tiny_bert, first, tmp_path / "out", layers=1)
    with pytest.raises(ConfigError, match=r"begun with text sha256 '\w+', now '\w+'"):
        distil(tiny_bert, other, tmp_path / "out", layers=1, resume=True)
    distil(tiny_bert, first, tmp_path / "out", layers=1, resume=True)
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_finished_run_says_that_it_has_ended(finished, tiny_bert, place):
    with pytest.raises(KerasBertError, match="relations: holds a run that has ended; name another --out"):
        distil(tiny_bert, place.text, finished.folder, layers=1)


def test_a_head_that_is_not_used_is_told_once(masker, place, tmp_path, caplog):
    with caplog.at_level("INFO", "kerasbert"):
        plan = job.plan_of(masker, place.text, tmp_path / "out", EncoderDistillOptions(layers=(1,), max_length=32))
    assert caplog.text.count("left unused: mlm") == 1
    teacher, student = BertEncoder.from_pretrained(str(masker)), plan.model.student
    ((block,), (_, other)) = student.blocks, teacher.blocks
    assert [each.numpy().tolist() for each in block.weights] == [each.numpy().tolist() for each in other.weights]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"loss": "triple"},
            r"/bert: has no head for masked words, which the triple loss needs; use the loss",
        ),
        ({"batch_size": 10_000}, r"^batch_size is 10000: .*text\.txt has \d+ rows; use 1 to \d+, or give more"),
        (
            {"relation_heads": 5},
            "relation_heads is 5, which does not divide the teacher's width 32 and the student's 32",
        ),
        ({"layers": 3}, "a student of 3 blocks: the teacher has 2; use 1 to 2"),
        ({"teacher_block": 2}, "teacher_block is 2: the teacher has 2 blocks, so use 0 to 1"),
        ({"accumulate": 3}, "batch_size 8 cannot be split over 1 replicas x 3 micro-batches"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_named_and_nothing_is_left(tiny_bert, place, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        distil(tiny_bert, place.text, tmp_path / "out", **options)
    assert not list(tmp_path.rglob("*.*"))


def test_a_length_that_does_not_fit_is_told_before_the_text_is_read(tiny_bert, place, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "prepare", lambda *arguments, **options: pytest.fail("the text is read"))
    message = (
        r"text\.txt: its rows have up to 80 tokens, but student and teacher take 64; use a max_length of 64 or less"
    )
    with pytest.raises(ConfigError, match=message):
        distil(tiny_bert, place.text, tmp_path / "out", max_length=80)
    assert not list(tmp_path.rglob("*.*"))


def test_several_machines_need_prepared_rows_and_the_first_of_them_says_so(tiny_bert, place, tmp_path, monkeypatch):
    """If only the others said so, the first one would wait for them."""
    cluster = SimpleNamespace(as_dict=lambda: {"worker": ["one:1", "two:1"]})
    resolver = SimpleNamespace(task_type="worker", task_id=0, cluster_spec=lambda: cluster)
    strategy = SimpleNamespace(cluster_resolver=resolver)
    monkeypatch.setattr(job.distribution, "strategy_named", lambda name: strategy)
    with pytest.raises(ConfigError, match=r"text\.txt: several machines need prepared rows; make them with kerasbert"):
        distil(tiny_bert, place.text, tmp_path / "out")
    assert job.distribution.is_chief(strategy)


def test_text_that_is_not_there_is_named(tiny_bert, tmp_path):
    with pytest.raises(DataError, match=r"none\.txt"):
        distil(tiny_bert, tmp_path / "none.txt", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_student_of_another_vocabulary_is_refused(tiny_bert, place, tmp_path):
    other = Path(shutil.copytree(tiny_bert, tmp_path / "other"))
    words = (other / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (other / "tokenizer.json").unlink()
    (other / "vocab.txt").write_text("\n".join([*words[:-2], *words[:-3:-1]]) + "\n", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"other: has another vocabulary than the teacher, .*; give layers instead, or"
    ):
        distil(tiny_bert, place.text, tmp_path / "out", student=other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "square"}, "loss is 'square': use one of relations, triple"),
        ({"epochs": 3, "steps": 9}, "steps is 9 and epochs is 3: either ends the run, so give one"),
        ({"epochs": 0}, "epochs is 0: use a whole number, 1 or more"),
        ({"temperature": 4.0}, "temperature is of the loss triple, and this one is relations: leave it out"),
        ({"loss": "triple", "relation_heads": 2}, "relation_heads is of the loss relations, and this one is triple"),
        ({"layers": 2, "student": "x"}, "layers and student: a student begins as one of them, so give one"),
        ({"loss": "triple", "soft_weight": 0, "mlm_weight": 0, "cosine_weight": 0}, "are 0, so there is no loss"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_options_that_cannot_be_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        EncoderDistillOptions(**options)
