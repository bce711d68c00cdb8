"""kerasbert.json, written and read back, and what is said of one that is not whole."""

import dataclasses
import hashlib
import json

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime.manifest import NAME, VERSION, File, Manifest, measure

VALUES = {
    "task": "text_classifier",
    "problem_type": "single_label_classification",
    "labels": ["négatif", "positif"],
    "max_length": 64,
    "inputs": ["input_ids", "attention_mask"],
    "pad_id": 0,
    "tokenizer": {"kind": "wordpiece"},
    "files": {"onnx": File(path="model.onnx", bytes=3, sha256="ab", precision="float32")},
    "versions": {"kerasbert": "0.1.0"},
}


@pytest.fixture
def manifest():
    others = {field.name: {} for field in dataclasses.fields(Manifest) if field.name not in (*VALUES, "version")}
    return Manifest(**VALUES, **others)


@pytest.fixture
def written(manifest, tmp_path):
    """Writes the manifest with changes to its JSON, and gives the bundle's folder."""

    def write(change=lambda values: None):
        manifest.write(tmp_path)
        values = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
        change(values)
        (tmp_path / NAME).write_text(json.dumps(values), encoding="utf-8")
        return tmp_path

    return write


def test_what_was_written_is_read(manifest, tmp_path):
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert "négatif" in (tmp_path / NAME).read_text(encoding="utf-8")


def test_a_folder_without_it_is_no_bundle(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match=r"file: no kerasbert.json, so no bundle"):
        Manifest.read(tmp_path / "file")
    with pytest.raises(BundleError, match=r"no kerasbert.json, so no bundle; make one with `kerasbert export`"):
        Manifest.read(tmp_path)


def test_a_later_version_asks_for_an_update(written):
    folder = written(lambda values: values.update(version=VERSION + 1, something="new"))
    with pytest.raises(BundleError, match=rf"written by a later kerasbert \(version {VERSION + 1}\); update this one"):
        Manifest.read(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("labels"),
        lambda values: values.pop("version"),
        lambda values: values.update(version="one"),
        lambda values: values.update(colour="red"),
        lambda values: values.update(files=["model.onnx"]),
        lambda values: values["files"]["onnx"].pop("sha256"),
        lambda values: values["files"]["onnx"].update(path="../../elsewhere.onnx"),
        lambda values: values["files"]["onnx"].update(path="/elsewhere.onnx"),
    ],
)
def test_what_is_not_whole_is_named(written, change):
    folder = written(change)
    with pytest.raises(
        BundleError, match=r"kerasbert.json: not readable as a bundle's description \(.+\); export again"
    ):
        Manifest.read(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_what_is_no_json_object_is_named(tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(BundleError, match=r"kerasbert.json: not readable as a bundle's description"):
        Manifest.read(tmp_path)


def test_a_file_is_measured_by_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert measure(tmp_path / "a") == (3_000_000, hashlib.sha256(b"x" * 3_000_000).hexdigest())


def test_a_folder_is_measured_with_the_names_of_its_files(tmp_path):
    def made(name, files):
        for path, content in files:
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(content)
        return measure(tmp_path / name)

    files = [("a", "one"), ("sub/b", "two")]
    first = made("first", files)
    assert first == made("again", files[::-1])
    assert first[0] == 6
    others = [[("a", "one"), ("sub/b", "twO")], [("a", "one"), ("sub/c", "two")], [("a", "two"), ("sub/b", "one")]]
    assert len({first, *(made(f"other{index}", other) for index, other in enumerate(others))}) == 4
