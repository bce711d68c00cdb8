"""A small corpus, and what one process makes of it."""

from pathlib import Path

import pytest
from corpus.corpora import SMALL, VOCABULARY, contents, generated_documents, write_corpus

from kerasbert.corpus.pipelines import prepare
from kerasbert.corpus.preparation import Settings


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "texts", generated_documents(120))


@pytest.fixture(scope="session")
def expected(corpus, tmp_path_factory) -> dict[str, bytes]:
    """What one process makes of it, without a stop."""
    out = tmp_path_factory.mktemp("expected") / "data"
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    return contents(out)
