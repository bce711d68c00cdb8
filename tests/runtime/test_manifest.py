"""kerasbert.json, written and read back, and what is said of one that is not whole."""

import hashlib
import json

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime.manifest import NAME, VERSION, File, Manifest, _own_digest, measure, rehash
from kerasbert.tasks.task import Graph, Input, Output

GRAPH = Graph(
    "model", (Input("input_ids", pad=1), Input("attention_mask")), (Output("logits", "row", "choice", width=2),)
)
VALUES = {
    "task": "text-classification",
    "settings": {"labels": ["négatif", "positif"], "max_length": 64},
    "graphs": [GRAPH],
    "lengths": [16, 64],
    "tokenizer": {"kind": "wordpiece"},
    "files": {
        "onnx": File(kind="onnx", graph="model", path="model.onnx", bytes=3, sha256="ab" * 32, precision="float32")
    },
    "checksums": {"vocab.txt": "cd" * 32},
    "versions": {"kerasbert": "0.1.0"},
}


@pytest.fixture
def manifest():
    return Manifest(**VALUES)


@pytest.fixture
def written(manifest, tmp_path):
    """Writes the manifest with changes to its JSON, and gives the bundle's folder."""

    def write(change=lambda values: None):
        manifest.write(tmp_path)
        values = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
        change(values)
        values["sha256"] = _own_digest(values)  # a wanted edit, so that the content is what is refused
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


@pytest.mark.parametrize(("version", "mend"), [(VERSION + 1, "update kerasbert"), (2, "export again"), ("3", "export")])
def test_another_version_is_refused(written, version, mend):
    folder = written(lambda values: values.update(version=version, something="new"))
    said = rf"kerasbert.json: of version {version!r}, but this kerasbert reads {VERSION}; {mend}"
    with pytest.raises(BundleError, match=said):
        Manifest.read(folder)


def test_an_edit_is_refused_until_it_is_accepted(manifest, tmp_path):
    manifest.write(tmp_path)
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    (tmp_path / NAME).write_text(text.replace("positif", "bon"), encoding="utf-8")
    with pytest.raises(BundleError, match=r"kerasbert.json: was edited; `kerasbert inspect --rehash` accepts a wanted"):
        Manifest.read(tmp_path)
    rehash(tmp_path)
    assert Manifest.read(tmp_path).task_settings.labels == ("négatif", "bon")


def first(values, part) -> dict:
    return values["graphs"][0][part][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("settings"),
        lambda values: values.update(colour="red"),
        lambda values: values.update(task="translation"),
        lambda values: values.update(lengths=[64, 16]),
        lambda values: values.update(lengths=[16, 32]),
        lambda values: values.update(lengths=16),
        lambda values: values.update(files=["model.onnx"]),
        lambda values: values.update(graphs=[]),
        lambda values: values["settings"].update(max_length="64"),
        lambda values: values["settings"].update(max_length=2),
        lambda values: values["settings"].update(labels=["one"]),
        lambda values: values["settings"].update(labels=["one", "two", "three"]),
        lambda values: values["settings"].update(problem_type="guessing"),
        lambda values: first(values, "inputs").update(pad=-1),
        lambda values: first(values, "inputs").update(axis="column"),
        lambda values: first(values, "inputs").update(name="words"),
        lambda values: first(values, "outputs").update(width=3),
        lambda values: first(values, "outputs").update(bar="vector"),
        lambda values: first(values, "outputs").update(axis="token"),
        lambda values: values["checksums"].update({"vocab.txt": "ab"}),
        lambda values: values["files"]["onnx"].pop("sha256"),
        lambda values: values["files"]["onnx"].update(bytes=0),
        lambda values: values["files"]["onnx"].update(bytes=True),
        lambda values: values["files"]["onnx"].update(kind="coreml"),
        lambda values: values["files"]["onnx"].update(graph="decoder"),
        lambda values: values["files"]["onnx"].update(precision="float8"),
        lambda values: values["files"]["onnx"].update(sha256="xy" * 32),
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
