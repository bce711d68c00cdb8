"""The recorded ids, the vocabularies they belong to, and the generated strings."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def recorded() -> dict:
    """What transformers gave, as record_transformers.py wrote it."""
    return json.loads((FOLDER / "fixtures" / "transformers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def generated(recorded) -> list[str]:
    """The 10,000 strings of generated_texts.py; they must be those that were recorded."""
    spec = importlib.util.spec_from_file_location("generated_texts", FOLDER / "generated_texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = module.generate(recorded["generated"]["count"], recorded["generated"]["seed"])
    assert hashlib.sha256(json.dumps(texts).encode()).hexdigest() == recorded["generated"]["sha256"]
    return texts


@pytest.fixture(scope="session")
def vocabulary_file(request):
    """A function from the name of a vocabulary to its vocab.txt; skips where that is absent."""

    def find(name: str) -> Path:
        if name == "small":
            return FOLDER / "fixtures" / "vocab.txt"
        if name == "minilm":
            return request.getfixturevalue("minilm") / "vocab.txt"
        return request.getfixturevalue("shared_data") / "vocab" / name / "vocab.txt"

    return find
