"""Our encoding of examples against protobuf's, and our places in files against TensorFlow's reader."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbert.errors import DataError
from kerasbert.tf.records import decode, encode, scan_records, write_records


def column(rows) -> tuple[np.ndarray, np.ndarray]:
    splits = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return np.array([value for row in rows for value in row], dtype=np.int64), splits


def rows_of(columns, count):
    return [
        {name: values[splits[row] : splits[row + 1]].tolist() for name, (values, splits) in columns.items()}
        for row in range(count)
    ]


def generated(seed: int) -> dict[str, list[list[int]]]:
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(1, 20))
    edges = [0, 1, 127, 128, 129, 2**14 - 1, 2**14, 2**21 - 1, 2**21, 2**28 - 1]

    def row():
        return (
            draw.choice(edges, draw.integers(0, 300)).tolist() + draw.integers(0, 2**28, draw.integers(0, 9)).tolist()
        )

    return {"input_ids": [[5, *row()] for _ in range(rows)], "nsp_label": [row() for _ in range(rows)]}


def by_protobuf(row: dict[str, list[int]]) -> tf.train.Example:
    features = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values)) for name, values in row.items() if values
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.mark.parametrize("seed", range(10))
def test_protobuf_reads_what_we_encode_and_we_read_what_it_writes(seed):
    columns = generated(seed)
    examples = encode({name: column(rows) for name, rows in columns.items()})
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert [tf.train.Example.FromString(example) for example in examples] == [by_protobuf(row) for row in rows]
    for serialised in (examples, [by_protobuf(row).SerializeToString() for row in rows]):
        found = rows_of(decode(serialised), len(rows))
        assert [{name: row.get(name, []) for name in columns} for row in found] == rows


def test_other_tools_files_are_read_whatever_else_they_hold():
    """Floats and bytes are passed over; empty lists, absent features and negative numbers are right."""
    feature = tf.train.Feature
    first = {
        "ids": feature(int64_list=tf.train.Int64List(value=[])),
        "weights": feature(float_list=tf.train.FloatList(value=[1.0, 0.5])),
        "name": feature(bytes_list=tf.train.BytesList(value=[b"x"])),
        "nothing": feature(),
    }
    second = {"ids": feature(int64_list=tf.train.Int64List(value=[-1, 2**62, -(2**63), 3]))}
    third = {"label": feature(int64_list=tf.train.Int64List(value=[1]))}
    examples = [
        tf.train.Example(features=tf.train.Features(feature=row)).SerializeToString() for row in (first, second, third)
    ]
    assert rows_of(decode(examples), 3) == [
        {"ids": [], "label": []},
        {"ids": [-1, 2**62, -(2**63), 3], "label": []},
        {"ids": [], "label": [1]},
    ]
    assert decode([]) == {}
    assert decode([b""]) == {}


def test_no_rows_make_no_examples():
    assert encode({"input_ids": column([])}) == []


def test_tensorflow_reads_the_file_and_the_places_are_those_of_its_records(tmp_path):
    path = tmp_path / "a.tfrecord"
    examples = encode({"input_ids": column([[1], list(range(1000)), [2, 3]])})
    places = write_records(path, examples)
    content = path.read_bytes()
    assert [content[begin:end] for begin, end in places] == examples
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(path))] == examples
    assert scan_records(path).tolist() == places.tolist()


def test_a_file_without_records_has_no_places(tmp_path):
    path = tmp_path / "a.tfrecord"
    assert write_records(path, []).tolist() == []
    assert scan_records(path).shape == (0, 2)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "a.tfrecord"
    write_records(path, encode({"input_ids": column([[1, 2, 3], [4]])}))
    content = path.read_bytes()
    whole = {0, scan_records(path)[0, 1] + 4, len(content)}
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        if size in whole:
            scan_records(path)
        else:
            with pytest.raises(DataError, match="ends within a record at byte"):
                scan_records(path)


def test_what_is_no_example_is_refused():
    example = encode({"input_ids": column([[1, 2, 300, 4]])})[0]
    unpacked = b"\n\x0e\n\x0c\n\x03ids\x12\x05\x1a\x03\x08\x01\x08"
    for broken in (*(example[:size] for size in range(1, len(example))), b"text", unpacked):
        with pytest.raises(DataError, match=r"not a complete tf\.train\.Example"):
            decode([broken])
