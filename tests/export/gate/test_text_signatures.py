"""The gate on signatures for texts of a task with an output per token: they tell where the tokens are."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signatures

from kerasbert import FeatureExtractor
from kerasbert.errors import ExportError
from kerasbert.export import export_bundle
from kerasbert.export.formats.saved_model import file
from kerasbert.export.gate.verify import check, verify
from kerasbert.tasks.golden import EXAMPLES, TEXTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(smallest_encoder) -> FeatureExtractor:
    return FeatureExtractor(smallest_encoder, max_length=16)


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    (row,) = export_bundle(model, folder, formats="saved_model")
    assert row.failed is None
    return folder


def test_offsets_are_those_of_the_host_and_only_where_texts_go_in(model, bundle):
    loaded = tf.saved_model.load(str(bundle / "saved_model"))
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
        ({"truncated": np.logical_not}, "text signature: truncated is True for '', which has 2 tokens"),
    ],
)
def test_wrong_places_fail(bundle, monkeypatch, changes, said):
    """As if the file told them: what its signatures for texts answer is changed on the way to the gate."""
    opened = file.open_saved_model

    def wrong(*args, **options):
        ids, texts = opened(*args, **options)

        def changed(run):
            def answers(batch):
                found = run(batch)
                return found | {name: change(found[name]) for name, change in changes.items()}

            return answers

        return ids, {fields: changed(run) for fields, run in texts.items()}

    monkeypatch.setattr(file, "open_saved_model", wrong)
    with pytest.raises(ExportError, match=f"^the parity gate failed: saved_model: {said}"):
        check(verify(bundle))
