"""What the page cannot run is refused, and its packages come once, checked, from the registry."""

import base64
import hashlib
import tarfile
from pathlib import Path

import pytest

from kerasbert import TextClassifier
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle, web
from kerasbert.export.web import npm, write_page
from kerasbert.runtime.manifest import File, Manifest, Part
from kerasbert.tasks.task import MODEL_INPUTS, Graph, Output


def test_a_page_without_a_network_fails_before_any_work(tiny_classifier, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    steps = []
    with pytest.raises(ExportError, match="cannot be fetched"):
        export_bundle(
            TextClassifier.from_pretrained(tiny_classifier), tmp_path / "bundle", web=True, progress=steps.append
        )
    assert (steps, (tmp_path / "bundle").exists()) == ([], False)


def bundle_of(folder: Path, kind: str, tokenizer: dict) -> Path:
    """A bundle's description alone, of one file."""
    folder.mkdir()
    part = Part(path="model", graphs=("model",), bytes=1, sha256="0" * 64)
    file = File(kind=kind, precision="float32", parts=(part,))
    graph = Graph("model", MODEL_INPUTS, (Output("sequence_output", "token", "vector", 4),))
    Manifest(
        task="feature-extraction",
        settings={"max_length": 16},
        graphs=[graph],
        lengths=[16],
        tokenizer=tokenizer,
        files={"model": file},
        checksums=dict.fromkeys(("vocab.txt", "tokenizer.json", "golden.json"), "0" * 64),
        versions={},
    ).write(folder)
    return folder


WORDPIECE = {
    "kind": "wordpiece",
    "do_lower_case": True,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "added_tokens": [],
}


@pytest.mark.parametrize(
    ("kind", "tokenizer", "said"),
    [
        ("saved_model", WORDPIECE, "no browser runs saved_model files of this model: export onnx, tflite for it"),
        ("mediapipe", WORDPIECE, "no browser runs mediapipe files of this model: export onnx, tflite for it"),
        ("onnx", {"kind": "bytepair"}, "only RoBERTa's own normalizer and words"),
        ("onnx", {**WORDPIECE, "added_tokens": [{"content": "<e1>"}]}, "the added token '<e1>'"),
    ],
)
def test_what_the_page_cannot_do_is_refused(kind, tokenizer, said, tmp_path):
    bundle = bundle_of(tmp_path / "bundle", kind, tokenizer)
    (bundle / "tokenizer.json").write_text('{"normalizer": {"type": "NFC"}}')
    with pytest.raises(ExportError, match=said):
        write_page(bundle)


@pytest.mark.parametrize(
    ("content", "said"), [(None, r"missing; fetch it with `npm pack onnx"), (b"other bytes", "bytes are not those of")]
)
def test_only_the_published_runtime_gets_in_and_nothing_is_left_behind(content, said, tmp_path):
    bundle = bundle_of(tmp_path / "bundle", "onnx", WORDPIECE)
    if content is not None:
        (tmp_path / web.PACKAGES["onnx"][0].archive).write_bytes(content)
    with pytest.raises(ExportError, match=said):
        write_page(bundle, archives=tmp_path)
    assert [path.name for path in bundle.iterdir()] == ["kerasbert.json"]


def test_without_network_or_cache_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    bundle = bundle_of(tmp_path / "bundle", "onnx", WORDPIECE)
    said = r"^http://127.0.0.1:9/onnxruntime-web/-/\S+: cannot be fetched .*put the file into \S+/cache/kerasbert/npm$"
    with pytest.raises(ExportError, match=said):
        write_page(bundle)


def test_an_archive_is_fetched_once(serving, tmp_path, monkeypatch):
    """From a registry of ours: the path, the checksum and the cache."""
    registry, cache = tmp_path / "registry", tmp_path / "cache"
    archive = registry / "@a" / "b" / "-" / "b-1.0.0.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("package/dist/b.js", "package/package.json", "package/other.js"):
            tar.addfile(tarfile.TarInfo(name))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    package = npm.Package("@a/b", "1.0.0", digest, ("dist/b.js",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with serving(registry) as address:
        monkeypatch.setenv("npm_config_registry", address)
        npm.install(package, tmp_path / "first")
    npm.install(package, tmp_path / "second")
    for place in ("first", "second"):
        assert sorted(path.name for path in (tmp_path / place / "@a" / "b").iterdir()) == ["b.js", "package.json"]
