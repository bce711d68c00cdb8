"""The gate on signatures for texts of a task with an output per token: they tell where the tokens are."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signatures

from kerasbert import FeatureExtractor
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle
from kerasbert.tasks.golden import EXAMPLES, TEXTS
from kerasbert.tf.wordpiece import InGraphWordPiece

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(smallest_encoder) -> FeatureExtractor:
    return FeatureExtractor(smallest_encoder, max_length=16)


def test_offsets_are_those_of_the_host_and_only_where_texts_go_in(model, tmp_path):
    (row,) = export_bundle(model, tmp_path / "bundle", formats="saved_model")
    assert row.failed is None
    loaded = tf.saved_model.load(str(tmp_path / "bundle" / "saved_model"))
    assert set(loaded.signatures["predict"].structured_outputs) == {"sequence_output", "pooled_output"}
    given = loaded.signatures["encode"](text=tf.constant(TEXTS))
    rows = model.tokenizer.encode(list(TEXTS), max_length=16)
    for row, offsets in zip(rows, given["offsets"].numpy(), strict=True):
        np.testing.assert_array_equal(offsets[: len(row)], row.offsets)
        assert not offsets[len(row) :].any()
    assert given["truncated"].numpy().tolist() == [bool(row.overflowing) for row in rows]
    assert {row.overflowing == [] for row in rows} == {True, False}
    pairs = [list(texts) for texts in zip(*(each.fields.values() for each in EXAMPLES[-3:]), strict=True)]
    given = loaded.signatures["encode_pair"](text=tf.constant(pairs[0]), text_pair=tf.constant(pairs[1]))
    rows = model.tokenizer.encode(*pairs, max_length=16)
    assert given["offsets"].numpy().tolist() == [[list(place) for place in row.offsets] for row in rows]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"offsets": lambda offsets: offsets + 1}, "text signature: offsets of '' differ"),
        ({"words": lambda words: words * 0}, "text signature: words of 'Good.' differ"),
        ({"truncated": tf.logical_not}, "text signature: truncated is True for '', which has 2 tokens"),
    ],
)
def test_wrong_places_fail(model, tmp_path, monkeypatch, changes, said):
    right = InGraphWordPiece.__call__

    def wrong(self, *texts, **options):
        found = right(self, *texts, **options)
        return found | {name: change(found[name]) for name, change in changes.items()}

    monkeypatch.setattr(InGraphWordPiece, "__call__", wrong)
    with pytest.raises(ExportError, match=f"^the parity gate failed: saved_model: {said}"):
        export_bundle(model, tmp_path / "bundle", formats="saved_model")
