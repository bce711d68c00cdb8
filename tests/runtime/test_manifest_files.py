"""The files that kerasbert.json lists: whole, missing, cut or changed."""

import dataclasses
import hashlib

import pytest

from kerasbert.errors import BundleError
from kerasbert.runtime.manifest import File, Manifest, Part, measure, rehash
from kerasbert.tasks.task import Graph, Input, Output

INPUTS = (Input("input_ids"), Input("attention_mask"))
AGAIN = "export or copy it again"


@pytest.fixture
def bundle(tmp_path):
    """A file, a folder, a vocabulary and golden answers."""
    for name, content in (("model.onnx", "a model"), ("vocab.txt", "[PAD]\n"), ("golden.json", "[]")):
        (tmp_path / name).write_text(content)
    for name in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / "saved" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "saved" / name).write_text(name)
    return tmp_path


@pytest.fixture
def manifest(bundle):
    def described(kind, path):
        return File(kind=kind, precision="float32", parts=(Part.describe(bundle, path, ["model"]),))

    return Manifest(
        task="sentence-embedding",
        settings={"pooling": "mean", "prompt": "", "prompts": {}, "score_max": 1.0, "max_length": 16},
        graphs=[Graph("model", INPUTS, (Output("embedding", "row", "vector", 8),))],
        lengths=[16],
        tokenizer={
            "kind": "wordpiece",
            "do_lower_case": True,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "added_tokens": [],
        },
        files={
            "onnx": described("onnx", "model.onnx"),
            "saved_model": described("saved_model", "saved"),
        },
        checksums={name: measure(bundle / name)[1] for name in ("vocab.txt", "golden.json")},
        versions={},
    )


def test_a_whole_bundle_is_accepted(manifest, bundle):
    manifest.check_others(bundle)
    for name, file in manifest.files.items():
        for whole in (True, False):
            assert manifest.check_file(bundle, name, whole=whole) is file


@pytest.mark.parametrize("name", ["vocab.txt", "golden.json"])
@pytest.mark.parametrize("content", [None, "", "[UNK]\n", "[PAD]"])
def test_a_file_beside_the_models_that_is_missing_or_changed_is_named(manifest, bundle, name, content):
    (bundle / name).unlink()
    said = f"missing, though kerasbert.json lists it; {AGAIN}"
    if content is not None:
        (bundle / name).write_text(content)
        said = f"its bytes are not the ones that were written; {AGAIN}"
    with pytest.raises(BundleError) as caught:
        manifest.check_others(bundle)
    assert str(caught.value) == f"{bundle / name}: {said}"


def test_a_folder_in_the_place_of_a_vocabulary_is_no_vocabulary(manifest, bundle):
    (bundle / "vocab.txt").unlink()
    (bundle / "vocab.txt").mkdir()
    with pytest.raises(BundleError, match=r"vocab.txt: missing, though kerasbert.json lists it"):
        manifest.check_others(bundle)


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_that_is_missing_or_cut_is_named_at_once(manifest, bundle, whole):
    (bundle / "model.onnx").write_text("a mod")
    with pytest.raises(BundleError, match=rf"model.onnx: 5 bytes, but 7 were written; {AGAIN}$"):
        manifest.check_file(bundle, "onnx", whole=whole)
    (bundle / "model.onnx").unlink()
    with pytest.raises(BundleError, match=rf"model.onnx: missing, though kerasbert.json lists it; {AGAIN}$"):
        manifest.check_file(bundle, "onnx", whole=whole)


def test_a_model_whose_bytes_were_changed_is_named_where_every_byte_is_compared(manifest, bundle):
    (bundle / "model.onnx").write_text("a mobel")
    with pytest.raises(BundleError, match=rf"model.onnx: its bytes are not the ones that were written; {AGAIN}$"):
        manifest.check_file(bundle, "onnx")
    manifest.check_file(bundle, "onnx", whole=False)


def _removed(path):
    path.unlink()


def _changed(path):
    path.write_text("Variables/variables.index")


def _renamed(path):
    path.rename(path.with_name("other"))


def _added(path):
    path.with_name("more").touch()


@pytest.mark.parametrize("change", [_removed, _changed, _renamed, _added])
def test_a_folder_that_is_not_the_one_that_was_written_is_named(manifest, bundle, change):
    change(bundle / "saved" / "variables" / "variables.index")
    with pytest.raises(BundleError, match=rf"saved: its bytes are not the ones that were written; {AGAIN}$"):
        manifest.check_file(bundle, "saved_model")


@pytest.mark.parametrize("name", ["coreml", ""])
def test_a_format_that_the_bundle_lacks_is_named_with_those_it_has(manifest, bundle, name):
    with pytest.raises(BundleError) as caught:
        manifest.check_file(bundle, name)
    assert str(caught.value) == f"{bundle}: holds no {name!r}; it has onnx, saved_model"
    with pytest.raises(BundleError, match=r": holds no 'onnx'; it has no model files$"):
        dataclasses.replace(manifest, files={}).check_file(bundle, "onnx")


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


def test_an_edit_is_not_accepted_while_a_file_is_another_one(manifest, bundle):
    manifest.write(bundle)
    rehash(bundle)
    (bundle / "model.onnx").write_text("b model")
    with pytest.raises(BundleError, match=r"model.onnx: its bytes are not the ones that were written"):
        rehash(bundle)
