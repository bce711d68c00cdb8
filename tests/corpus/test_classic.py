"""Files as google-research/bert writes them, made with protobuf's own Example."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.corpus.classic import ClassicData
from kerasbert.errors import ConfigError, DataError


def classic_row(number: int, length: int = 16, slots: int = 4) -> dict:
    tokens = 6 + number % 5
    ids = np.zeros(length, int)
    ids[:tokens] = np.arange(tokens) + 10 * number
    masked = 1 + number % slots
    return {
        "input_ids": ids,
        "input_mask": (np.arange(length) < tokens).astype(int),
        "segment_ids": (np.arange(length) >= 4).astype(int) * (np.arange(length) < tokens),
        "masked_lm_positions": np.where(np.arange(slots) < masked, np.arange(slots) + 1, 0),
        "masked_lm_ids": np.where(np.arange(slots) < masked, 7, 0),
        "masked_lm_weights": (np.arange(slots) < masked).astype(float),
        "next_sentence_labels": np.array([number % 2]),
    }


def write(path, rows) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            feature = {
                name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
                if values.dtype == float
                else tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                for name, values in row.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


@pytest.fixture
def files(tmp_path):
    write(tmp_path / "a.tfrecord", [classic_row(number) for number in range(7)])
    write(tmp_path / "b.tfrecord", [classic_row(number) for number in range(7, 12)])
    return [tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"]


def test_an_epoch_holds_every_row_once_under_our_names(files):
    data = ClassicData(files, batch_size=3, vocab_size=1000, seed=5)
    batches = [data.batch(step) for step in range(data.steps_per_epoch)]
    firsts = np.concatenate([batch["input_ids"][:, 0] for batch in batches])
    assert sorted(firsts // 10) == list(range(12))
    for batch in batches:
        for row, number in enumerate(batch["input_ids"][:, 0] // 10):
            wanted = classic_row(number)
            assert batch["attention_mask"][row].tolist() == wanted["input_mask"].tolist()
            assert batch["token_type_ids"][row].tolist() == wanted["segment_ids"].tolist()
            assert batch["mlm_positions"][row].tolist() == wanted["masked_lm_positions"].tolist()
            assert batch["mlm_ids"][row].tolist() == wanted["masked_lm_ids"].tolist()
            assert batch["mlm_weights"][row].tolist() == wanted["masked_lm_weights"].tolist()
            assert batch["nsp_label"][row] == number % 2


def test_batches_are_functions_of_the_step_and_split_over_workers(files):
    data, again = (ClassicData(files, batch_size=4, vocab_size=1000, seed=5) for _ in range(2))
    whole = data.batch(7)
    for name, values in again.batch(7).items():
        np.testing.assert_array_equal(values, whole[name])
    halves = [data.batch(7, shard=(number, 2)) for number in range(2)]
    np.testing.assert_array_equal(np.concatenate([half["input_ids"] for half in halves]), whole["input_ids"])
    assert (data.batch(0)["input_ids"] != data.batch(3)["input_ids"]).any()  # the second epoch has another order


def test_what_cannot_be_read_is_named(files, tmp_path):
    data = ClassicData(files, batch_size=12, vocab_size=100)
    with pytest.raises(DataError, match=r"holds 11\d, but the vocabulary has 100 tokens"):
        data.batch(0)
    with pytest.raises(DataError, match="no such file"):
        ClassicData([tmp_path / "none"], batch_size=1, vocab_size=100)
    with pytest.raises(ConfigError, match="use 1 to 12"):
        ClassicData(files, batch_size=13, vocab_size=1000)
    with pytest.raises(ConfigError, match="cannot be split over 3"):
        ClassicData(files, batch_size=4, vocab_size=1000).batch(0, shard=(0, 3))
    write(tmp_path / "other.tfrecord", [{"label": np.array([1])}])
    with pytest.raises(DataError, match="without attention_mask"):
        ClassicData([tmp_path / "other.tfrecord"], batch_size=1, vocab_size=100).batch(0)
    (tmp_path / "cut.tfrecord").write_bytes(files[0].read_bytes()[:-9])
    with pytest.raises(DataError, match="ends within a record"):
        ClassicData([tmp_path / "cut.tfrecord"], batch_size=1, vocab_size=100)
