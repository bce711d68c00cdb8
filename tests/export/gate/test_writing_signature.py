"""The gate on the signature for texts of a SavedModel that writes texts."""

import re
from dataclasses import replace

import pytest
from conftest import small_vocabulary
from families import small_encoder

from kerasbert import Seq2Seq
from kerasbert.export import export_bundle
from kerasbert.export.gate.opening import open_any
from kerasbert.export.gate.subject import Subject
from kerasbert.export.gate.writing import asks_signature_for_texts
from kerasbert.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> Subject:
    """A SavedModel that passed the gate, with three of its examples, of which the last one is cut."""
    folder = tmp_path_factory.mktemp("writing") / "bundle"
    encoder = small_encoder("bert", WordPieceTokenizer(small_vocabulary()), pooler=False)
    model = Seq2Seq(encoder, max_length=24, max_new_tokens=4, num_beams=1)
    (row,) = export_bundle(model, folder, formats="saved_model")
    assert row.failed is None
    subject = Subject.of(open_any(folder, "saved_model"), data=(), reference=None, max_drop=None)
    subject.recorded = [*subject.recorded[:2], subject.recorded[-1]]
    return subject


def test_the_signature_passes(subject):
    assert list(subject.opened.writes) == [("source",)]
    assert asks_signature_for_texts(subject, None) == []


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("generated_text", lambda text: text + ".", "to .* the graphs write .*, and the signature "),
        ("score", lambda score: score + 0.01, "to .* the graphs write .*, and the signature "),
        ("finished", lambda finished: not finished, "finished is (True|False) for "),
        ("truncated", lambda truncated: not truncated, r"truncated is (True|False) for .*, which has \d+ tokens"),
    ],
)
def test_a_wrong_answer_fails(subject, name, change, said):
    def changed(run):
        def answers(batch):
            found = run(batch)
            return found | {name: [change(each) for each in found[name]]}

        return answers

    writes = {fields: changed(run) for fields, run in subject.opened.writes.items()}
    failures = asks_signature_for_texts(replace(subject, opened=replace(subject.opened, writes=writes)), None)
    assert len(failures) == 3
    assert all(re.match(f"text signature: {said}", each) for each in failures)
