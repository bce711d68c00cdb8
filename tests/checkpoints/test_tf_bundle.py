"""TensorFlow's checkpoint files: what TensorFlow writes is read, and what is written TensorFlow reads."""

from contextlib import suppress

import numpy as np
import pytest
import tensorflow as tf

from kerasbert import protobuf
from kerasbert.checkpoints import tf_bundle
from kerasbert.checkpoints.crc32c import crc32c, masked

DRAW = np.random.default_rng(0)


def by_bits(content: bytes) -> int:
    """The checksum as its definition has it."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_checksums_are_those_of_the_standard():
    """RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert masked(crc32c(b"")) == 0xA282EAD8


@pytest.mark.parametrize("size", [1, 3, 4, 5, 63, 64, 65, 1000, 65535, 65536, 65537])
def test_checksums_of_every_length(size):
    content = DRAW.integers(0, 256, size, dtype="uint8")
    assert crc32c(content) == crc32c(content.tobytes()) == by_bits(content.tobytes())


def test_numbers_of_every_type_are_written_for_tensorflow_and_read(tmp_path):
    tensors = {f"a/{dtype}": DRAW.integers(0, 2, (3, 2)).astype(dtype) for dtype in tf_bundle.DTYPES.values()}
    tensors |= {"scalar": np.float32(2), "none": np.zeros((0, 3), "float32")}
    tf_bundle.write(tmp_path / "x", tensors.items())
    read = {stored.name: stored for stored in tf_bundle.read(tmp_path / "x")}
    reader = tf.train.load_checkpoint(str(tmp_path / "x"))
    assert read.keys() == tensors.keys() == reader.get_variable_to_shape_map().keys()
    for name, value in tensors.items():
        theirs, ours = reader.get_tensor(name), read[name].load()
        assert read[name].dtype == theirs.dtype.name == value.dtype.name
        assert ours.tobytes() == np.asarray(theirs).tobytes() == value.tobytes()
        assert ours.shape == np.shape(theirs) == value.shape


def test_an_index_of_several_blocks_is_read(tmp_path):
    names = sorted(f"a/layer/of/a/deep/model/{'x' * 40}/{number}" for number in range(4000))
    values = [tf.constant(number, "float32") for number in range(4000)]
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "x"), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
    )
    assert (tmp_path / "x.index").stat().st_size < tf_bundle.MOST_BYTES
    read = list(tf_bundle.read(tmp_path / "x"))
    assert [stored.name for stored in read] == names
    assert [float(stored.load()) for stored in read[::500]] == [*range(0, 4000, 500)]


def test_a_partitioned_variable_is_named(tmp_path):
    prefix = str(tmp_path / "x")
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["w"], shape_and_slices=["4 2 0,2:-"], tensors=[tf.ones((2, 2))])
    (stored,) = tf_bundle.read(tmp_path / "x")
    assert (stored.shape, stored.dtype) == ((4, 2), "partitioned variable")


def test_fields_are_those_of_protobuf():
    from google.protobuf.struct_pb2 import Struct

    content = protobuf.field(1, 1 << 40) + protobuf.field(2, b"text") + protobuf.field(3, 7, fixed32=True)
    assert list(protobuf.fields(content)) == [(1, 1 << 40), (2, b"text"), (3, 7)]
    for cut in range(1, len(content)):
        with suppress(ValueError):
            assert len(list(protobuf.fields(content[:cut]))) < 3
    message = Struct(fields={"name": {"number_value": 2.5}})
    ((number, entry),) = protobuf.fields(message.SerializeToString())
    (_, key), (_, value) = protobuf.fields(entry)
    assert (number, key) == (1, b"name")
    assert np.frombuffer(dict(protobuf.fields(value))[2].to_bytes(8, "little"), "<f8") == 2.5
