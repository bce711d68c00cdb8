"""Bundles to change."""

import shutil

import pytest
from edits import rewrite


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle of one's own."""
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


@pytest.fixture
def light(copy):
    """One without the SavedModel, whose loading takes seconds."""
    rewrite(copy, lambda values: values["files"].pop("saved_model"))
    shutil.rmtree(copy / "saved_model")
    return copy
