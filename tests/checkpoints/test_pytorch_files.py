"""Files that torch wrote, recorded by `record_torch_files.py`, and the pickles in them."""

import io
import json
import pickle
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import safetensors
from checkpoints.hostile_pickles import group, number, state, storage, tensor, text, torch_zip
from checkpoints.torch_files import CONFIG, EXPECTED, numbers, recorded

from kerasbert.checkpoints import pytorch_files
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.pickle_reader import Reader, Refused
from kerasbert.errors import CheckpointError


@pytest.fixture
def written(tmp_path):
    """`written(content)` -> a folder with this pytorch_model.bin, or with shards of it."""

    def write(**files: bytes):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", **CONFIG}), encoding="utf-8")
        for name, content in files.items():
            (tmp_path / f"{name}.bin").write_bytes(content)
        return tmp_path

    return write


@pytest.mark.parametrize("name", ["torch_zip", "torch_before_zip"])
def test_tensors_are_those_that_torch_wrote(name, tmp_path):
    (tmp_path / "x.bin").write_bytes(recorded(name))
    read = {stored.name: stored for stored in pytorch_files.read(tmp_path / "x.bin")}
    assert list(read) == list(EXPECTED)
    for key, right in EXPECTED.items():
        found = read[key].load()
        assert read[key].dtype == ("bfloat16" if key == "bfloat16" else right.dtype.name)
        assert found.shape == read[key].shape == right.shape
        assert np.array_equal(found.astype(right.dtype), right), key


def test_a_model_of_transformers_is_read(written):
    checkpoint = open_checkpoint(written(pytorch_model=recorded("torch_model")))
    assert checkpoint.task == "pre-training"
    checkpoint.check_whole()  # the decoder too is a copy, of the same storage
    for name, stored in checkpoint.tensors.items():
        original = checkpoint.names.tied.get(name, name)
        path = original if original.startswith("cls.") else f"bert.{original}"
        assert np.array_equal(checkpoint.read(name), numbers(path, stored.shape)), name


def test_shards_are_read_and_a_missing_one_is_named(written):
    folder = written(**{"pytorch_model-00001-of-00002": recorded("torch_model")})
    index = {"weight_map": {"a": "../x/pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(
        CheckpointError, match=r"pytorch_model-00002-of-00002.bin: no such file, but the folder's index"
    ):
        open_checkpoint(folder)
    index["weight_map"].pop("b")
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")
    open_checkpoint(folder).check_whole()


def test_a_flipped_bit_is_found(written):
    content = bytearray(recorded("torch_model"))
    content[content.index(numbers("bert.pooler.dense.bias", (8,)).tobytes())] ^= 1
    checkpoint = open_checkpoint(written(pytorch_model=bytes(content)))
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin: the checksum of bert.pooler.dense.bias differs"):
        checkpoint.read("pooler.dense.bias")


def test_a_dict_of_python_2_is_read(tmp_path):
    """There an OrderedDict is called with its content, and that of the hooks with an empty list."""
    part = tensor(storage("0", 4), (2, 2)).replace(b"OrderedDict\n)R", b"OrderedDict\n" + group(b"]") + b"R")
    content = group(b"](](" + text("a") + part + b"ee")
    program = b"\x80\x02ccollections\nOrderedDict\n" + content + b"R."
    (tmp_path / "x.bin").write_bytes(torch_zip(program, {"0": np.float32([1, 2, 3, 4]).tobytes()}))
    (stored,) = pytorch_files.read(tmp_path / "x.bin")
    assert (stored.name, stored.load().tolist()) == ("a", [[1, 2], [3, 4]])


VALUES = (
    None,
    True,
    -3,
    1 << 40,
    1 << 200,
    0.25,
    "ä",
    "a" * 300,
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    [],
    [1],
    [1, [2, "x"]],
    {},
    {"a": 1},
    {"a": [1], "b": {"c": (True, False)}},
)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", VALUES, ids=[ascii(value)[:20] for value in VALUES])
def test_plain_values_are_those_of_pickle(value, protocol):
    reader = Reader({}, (), None)
    twice = [value, value]
    stream = io.BytesIO(pickle.dumps(twice, protocol) + b"rest")
    found = reader.read(stream)
    assert found == twice
    assert found[0] is found[1] or not isinstance(value, list | dict)
    assert stream.read() == b"rest"


def test_any_bytes_are_a_pickle_or_an_error():
    """Random changes of a real pickle end in a value or in one of the two errors, and soon."""
    draw = np.random.default_rng(0)
    whole = recorded("torch_before_zip")[:2000]
    for _ in range(2000):
        content = bytearray(whole)
        for _ in range(draw.integers(1, 4)):
            content[draw.integers(len(content))] = draw.integers(256)
        stream = io.BytesIO(bytes(content))
        try:
            for _ in range(5):
                pytorch_files._reader(None).read(stream)
        except (Refused, ValueError):
            pass


@pytest.mark.parametrize(
    "entry", [b"cargparse\nNamespace\n)\x81", number(3)], ids=["what torch must be told to trust", "no tensor"]
)
def test_the_command_that_converts_does_so(entry, tmp_path, monkeypatch):
    """Stand-ins take the place of torch, which the tests do not need."""
    (tmp_path / "x.bin").write_bytes(
        torch_zip(state({"a": tensor(storage("0", 1), (1,)), "b": entry}), {"0": bytes(4)})
    )
    with pytest.raises(CheckpointError, match="if you trust the file") as raised:
        list(pytorch_files.read(tmp_path / "x.bin"))
    code = re.search('python -c "(.*)"$', str(raised.value))[1]
    kept = np.ones(1)
    parts = {"a": SimpleNamespace(clone=lambda: SimpleNamespace(contiguous=lambda: kept)), "b": 3}
    asked, saved = [], []
    torch = ModuleType("torch")
    torch.load = lambda *given, **options: asked.append((given, options)) or parts
    torch.is_tensor = lambda value: value is parts["a"]
    safe = ModuleType("safetensors.torch")
    safe.save_file = lambda *given: saved.append(given)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "safetensors.torch", safe)
    monkeypatch.setattr(safetensors, "torch", safe, raising=False)
    exec(code, {})
    assert asked == [((str(tmp_path / "x.bin"),), {"map_location": "cpu", "weights_only": False})]
    assert saved == [({"a": kept}, str(tmp_path / "model.safetensors"), {"format": "pt"})]
