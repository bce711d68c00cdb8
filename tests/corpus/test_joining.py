"""Rows of instances against rows put together in plain Python."""

import numpy as np
import pytest

from kerasbert.corpus.instances import MODES, TokenisedDocuments
from kerasbert.corpus.joining import join, ranges

CLS, SEP = 900, 901


def documents(seed: int) -> TokenisedDocuments:
    draw = np.random.default_rng(seed)
    counts = draw.integers(1, 9, 30)
    lengths = draw.integers(1, 15, counts.sum())
    ids = draw.integers(0, 900, lengths.sum()).astype(np.int32)
    return TokenisedDocuments(ids, np.cumsum([0, *lengths]), np.cumsum([0, *counts]))


def by_hand(tokens, instance, word_starts):
    """(ids, word starts, tokens of the first segment, label) of one instance."""
    ids, starts = [CLS], [1]
    for run in [run for run in (instance.first, instance.second) if run]:
        ids += [*tokens.ids[slice(*run)].tolist(), SEP]
        starts += [*word_starts[slice(*run)].tolist(), 1]
    return ids, starts, 2 + instance.first[1] - instance.first[0], instance.label


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pack_to", [None, 40])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_put_together_by_hand(mode, pack_to, seed):
    tokens, pairs = documents(seed), mode != "mlm"
    options = {"swap": mode == "mlm-sop"} if pairs else {}
    instances = list(MODES[mode](tokens, max_length=40, short_probability=0.3, key=seed, **options))
    word_starts = np.random.default_rng(seed).integers(0, 2, len(tokens.ids))
    expected = [by_hand(tokens, instance, word_starts) for instance in instances]
    columns = join(tokens, instances, pairs=pairs, cls_id=CLS, sep_id=SEP, word_starts=word_starts, pack_to=pack_to)

    found = []
    rows = len(columns["lengths"][1]) - 1
    for row in range(rows):
        features = {name: values[splits[row] : splits[row + 1]].tolist() for name, (values, splits) in columns.items()}
        assert len(features["input_ids"]) == len(features["word_starts"]) == sum(features["lengths"]) <= 40
        ends = np.cumsum(features["lengths"]).tolist()
        for number, (end, length) in enumerate(zip(ends, features["lengths"], strict=True)):
            ids, starts = (features[name][end - length : end] for name in ("input_ids", "word_starts"))
            first, label = (features[name][number] if pairs else None for name in ("first_lengths", "nsp_label"))
            found.append((ids, starts, first if pairs else len(ids), label))
    if pack_to is None:
        assert found == expected
    else:
        assert rows < len(instances)
        assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pack_to", [None, 40])
def test_no_instances_make_no_rows(mode, pack_to):
    nothing = TokenisedDocuments(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64))
    columns = join(nothing, [], pairs=mode != "mlm", cls_id=CLS, sep_id=SEP, pack_to=pack_to)
    assert {(len(values), splits.tolist() == [0]) for values, splits in columns.values()} == {(0, True)}


def test_ranges():
    assert ranges(np.array([5, 2, 9]), np.array([3, 0, 2])).tolist() == [5, 6, 7, 9, 10]
    assert ranges(np.zeros(0, int), np.zeros(0, int)).tolist() == []
