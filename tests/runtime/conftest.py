"""Bundles that a test may change."""

import json
import shutil

import pytest

from kerasbert.runtime.manifest import NAME, rehash


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle of the test's own."""
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


@pytest.fixture
def change():
    """`change(bundle, key=value)` edits kerasbert.json and accepts the edit."""

    def changed(bundle, **values) -> None:
        written = json.loads((bundle / NAME).read_text(encoding="utf-8"))
        (bundle / NAME).write_text(json.dumps({**written, **values}), encoding="utf-8")
        rehash(bundle)

    return changed
