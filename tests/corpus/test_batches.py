"""Batches of prepared data against the rows that are stored."""

import json
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kerasbert.corpus import batches
from kerasbert.corpus.batches import PretrainingData
from kerasbert.corpus.pipelines import prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.masking import Masking
from kerasbert.tokenizers import WordPieceTokenizer


def corpus(path, documents: int = 60, seed: int = 3):
    words = [
        "the",
        "a",
        "film",
        "book",
        "hotel",
        "was",
        "is",
        "good",
        "bad",
        "very",
        "and",
        "people",
        "water",
        "question",
        "answer",
        "reopening",
    ]
    chance = random.Random(seed)

    def sentence() -> str:
        return " ".join(chance.choice(words) for _ in range(chance.randint(3, 12))).capitalize() + "."

    texts = [" ".join(sentence() for _ in range(chance.randint(2, 12))) for _ in range(documents)]
    path.write_text("\n\n".join(texts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_bert):
    """Prepared data by mode: pairs of 48 tokens, packed rows of 64, and packed pairs."""
    folder = tmp_path_factory.mktemp("prepared")
    text = corpus(folder / "corpus.txt")
    chosen = {
        "pairs": Settings(mode="mlm-nsp", max_length=48, short_probability=0.3),
        "packed": Settings(mode="mlm", max_length=64, packed=True, short_probability=0.5),
        "packed pairs": Settings(mode="mlm-sop", max_length=64, packed=True, short_probability=0.9),
    }
    for name, settings in chosen.items():
        prepare([str(text)], tiny_bert, folder / name, settings=settings)
    return folder


def unmasked(batch: dict) -> np.ndarray:
    ids = batch["input_ids"].copy()
    for row, positions, originals, weights in zip(
        ids, batch["mlm_positions"], batch["mlm_ids"], batch["mlm_weights"], strict=True
    ):
        row[positions[weights > 0]] = originals[weights > 0]
    return ids


@pytest.mark.parametrize("name", ["pairs", "packed", "packed pairs"])
def test_a_batch_is_the_stored_rows_with_masks_that_can_be_undone(folders, name):
    data = PretrainingData(folders / name, batch_size=4, seed=1)
    for step in range(data.steps_per_epoch):
        rows, length, _ = data.rows_of(step)
        batch = data.batch(step)
        for ids, mask, row in zip(unmasked(batch), batch["attention_mask"], data.read_rows(rows), strict=True):
            tokens = len(row["input_ids"])
            assert ids[:tokens].tolist() == row["input_ids"].tolist()
            assert (ids[tokens:] == data.pad_id).all()
            assert mask.tolist() == [1] * tokens + [0] * (length - tokens)


@pytest.mark.parametrize("name", ["pairs", "packed", "packed pairs"])
def test_a_batch_is_a_function_of_data_seed_and_step(folders, name):
    one, two = (PretrainingData(folders / name, batch_size=4, seed=9) for _ in range(2))
    two.batch(0)  # what was asked before does not matter
    far = 3 * one.steps_per_epoch + 1
    for key, values in one.batch(far).items():
        np.testing.assert_array_equal(two.batch(far)[key], values)
        parts = [one.batch(far, shard=(number, 2))[key] for number in range(2)]
        np.testing.assert_array_equal(np.concatenate(parts), values)
    other = PretrainingData(folders / name, batch_size=4, seed=10)
    assert any((other.batch(far)[key] != values).any() for key, values in one.batch(far).items())


def test_an_epoch_holds_no_row_twice_and_leaves_out_less_than_a_batch(folders):
    data = PretrainingData(folders / "pairs", batch_size=4)
    for epoch in range(2):
        steps = range(epoch * data.steps_per_epoch, (epoch + 1) * data.steps_per_epoch)
        rows = np.concatenate([data.rows_of(step)[0] for step in steps])
        assert len(set(rows.tolist())) == len(rows) > data.rows - 4
    first, second = (data.rows_of(step)[0] for step in (0, data.steps_per_epoch))
    assert first.tolist() != second.tolist()


def test_masks_differ_between_epochs_for_the_same_row(folders):
    data = PretrainingData(folders / "packed", batch_size=1)
    places = {}
    for step in range(3 * data.steps_per_epoch):
        row = int(data.rows_of(step)[0][0])
        batch = data.batch(step)
        places.setdefault(row, []).append(tuple(batch["mlm_positions"][batch["mlm_weights"] > 0]))
    assert all(len(set(drawn)) > 1 for drawn in places.values() if len(drawn) == 3)


def test_pairs_know_their_segments_and_labels(folders):
    data = PretrainingData(folders / "pairs", batch_size=4)
    sep = data.tokenizer.id_of("sep")
    for step in range(data.steps_per_epoch):
        batch = data.batch(step)
        for ids, types, mask, label, row in zip(
            unmasked(batch),
            batch["token_type_ids"],
            batch["attention_mask"],
            batch["nsp_label"],
            data.read_rows(data.rows_of(step)[0]),
            strict=True,
        ):
            first_end = int(np.flatnonzero(ids == sep)[0]) + 1
            assert types.tolist() == ((np.arange(len(ids)) >= first_end) & (mask > 0)).astype(int).tolist()
            assert label == row["nsp_label"][0]


def test_packed_rows_say_where_each_instance_begins(folders):
    data = PretrainingData(folders / "packed pairs", batch_size=4)
    cls = data.tokenizer.id_of("cls")
    several = 0
    for step in range(data.steps_per_epoch):
        batch = data.batch(step)
        for row in range(4):
            ids, instances, positions = (
                values[row] for values in (unmasked(batch), batch["instance_ids"], batch["position_ids"])
            )
            begins = np.flatnonzero(ids == cls)
            several += len(begins) > 1
            assert (np.flatnonzero((positions == 0) & (instances > 0)) == begins).all()
            assert (np.flatnonzero(np.diff(instances, prepend=0) == 1) == begins).all()
            used = batch["nsp_weights"][row] > 0
            assert batch["cls_positions"][row][used].tolist() == begins.tolist()
    assert several


def test_buckets_pad_no_further_than_they_must(folders):
    data = PretrainingData(folders / "pairs", batch_size=2, buckets=[16, 32])
    assert data.buckets == [16, 32, 48]
    lengths = set()
    for step in range(data.steps_per_epoch):
        batch = data.batch(step)
        length, longest = batch["input_ids"].shape[1], batch["attention_mask"].sum(axis=1).max()
        lengths.add(length)
        assert longest <= length
        assert length == min(bucket for bucket in data.buckets if bucket >= longest)
    assert lengths == {16, 32, 48}


@pytest.mark.parametrize("batch_size", [3, 20, 60])
def test_rows_of_a_bucket_that_fills_no_batch_have_their_turn(folders, batch_size):
    data = PretrainingData(folders / "pairs", batch_size=batch_size, buckets=[10, 12, 16, 32, 47])
    seen = {int(row) for step in range(40 * data.steps_per_epoch) for row in data.rows_of(step)[0]}
    assert seen == set(range(data.rows))


def test_a_corpus_of_many_shards_keeps_few_files_open(tmp_path, tiny_bert, monkeypatch):
    settings = Settings(mode="mlm", max_length=32, slice_bytes=200)
    index = prepare([str(corpus(tmp_path / "corpus.txt"))], tiny_bert, tmp_path / "data", settings=settings)
    monkeypatch.setattr(batches, "OPEN_FILES", 6)
    before = len(os.listdir("/dev/fd"))
    data = PretrainingData(tmp_path / "data", batch_size=4)
    whole = data.read_rows(range(data.rows))
    assert len(index.shards) > 30
    assert len(os.listdir("/dev/fd")) - before <= 6
    assert sum(len(row["input_ids"]) for row in whole) == index.total("tokens")


def test_batches_need_no_tensorflow(folders):
    code = (
        "import sys; from kerasbert.corpus.batches import PretrainingData; "
        "PretrainingData(sys.argv[1], batch_size=4).batch(0); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folders / "pairs")], check=True)


@pytest.mark.parametrize(("name", "buckets"), [("packed", None), ("packed pairs", None), ("pairs", [16, 32])])
def test_the_dataset_goes_on_where_it_is_told(folders, name, buckets):
    data = PretrainingData(folders / name, batch_size=4, buckets=buckets)
    dataset = data.dataset(start=5, shard=(1, 2)).take(6)
    for step, batch in zip(range(5, 11), dataset.as_numpy_iterator(), strict=True):
        for name, values in data.batch(step, shard=(1, 2)).items():
            np.testing.assert_array_equal(batch[name], values)


def test_masks_take_their_share(folders):
    data = PretrainingData(folders / "packed", batch_size=4, masking=Masking(rate=0.3))
    chosen = possible = 0
    for step in range(data.steps_per_epoch):
        batch = data.batch(step)
        chosen += batch["mlm_weights"].sum()
        possible += data.vocabulary.is_ordinary[unmasked(batch)].sum()
    assert chosen / possible == pytest.approx(0.3, abs=0.01)


def test_another_vocabulary_is_refused(folders):
    other = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    with pytest.raises(DataError, match=r"another vocabulary .* than that of the model \(6 tokens\)"):
        PretrainingData(folders / "pairs", batch_size=2, tokenizer=other)


def test_data_that_was_changed_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders / "pairs", tmp_path / "data")
    index = json.loads((folder / "index.json").read_text())
    shard = folder / "shards" / index["shards"][0]["file"]
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(DataError, match="not the file that was prepared"):
        PretrainingData(folder, batch_size=2)
    shard.unlink()
    with pytest.raises(DataError, match="missing or broken"):
        PretrainingData(folder, batch_size=2)
    shard.write_bytes(content)
    index["shards"][0]["largest_id"] = index["vocab_size"]
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="holds the id"):
        PretrainingData(folder, batch_size=2)
    (folder / "index.json").unlink()
    with pytest.raises(DataError, match="no whole prepared data"):
        PretrainingData(folder, batch_size=2)


def test_batches_that_cannot_be_are_refused(folders):
    with pytest.raises(ConfigError, match="batch_size is 100000: use 1 to"):
        PretrainingData(folders / "pairs", batch_size=100_000)
    with pytest.raises(ConfigError, match="cannot be split over 3 workers"):
        PretrainingData(folders / "pairs", batch_size=4).batch(0, shard=(0, 3))
    with pytest.raises(ConfigError, match=r"shard is \(2, 2\)"):
        PretrainingData(folders / "pairs", batch_size=4).batch(0, shard=(2, 2))
