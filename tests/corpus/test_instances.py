"""Instances of made-up documents, whose tokens are their own places, so that each can be traced."""

from collections import Counter

import numpy as np
import pytest

from kerasbert.corpus.instances import IS_NEXT, IS_RANDOM, TokenisedDocuments, full_sentences, sentence_pairs
from kerasbert.tasks.draws import key_of


def corpus(documents) -> TokenisedDocuments:
    """Documents from lists of lengths of sentences."""
    lengths = np.array([length for document in documents for length in document], dtype=int)
    ids = np.arange(lengths.sum(), dtype=np.int32)
    sentences = np.concatenate([[0], np.cumsum(lengths)])
    return TokenisedDocuments(ids, sentences, np.concatenate([[0], np.cumsum([len(d) for d in documents])]))


def random_corpus(seed: int, documents: int = 60, sentences: int = 25, longest: int = 60) -> TokenisedDocuments:
    draw = np.random.default_rng(seed)
    return corpus([draw.integers(1, longest, draw.integers(1, sentences)).tolist() for _ in range(documents)])


def document_of(documents: TokenisedDocuments, token: int) -> int:
    first_tokens = documents.sentences[documents.documents]
    return int(np.searchsorted(first_tokens, token, side="right")) - 1


def full(documents, *, max_length=64, short_probability=0.1, key=1):
    return list(full_sentences(documents, max_length=max_length, short_probability=short_probability, key=key))


def pairs(documents, *, max_length=64, short_probability=0.1, key=1, swap=False):
    options = {"max_length": max_length, "short_probability": short_probability, "key": key, "swap": swap}
    return list(sentence_pairs(documents, **options))


def sizes(instances):
    return [end - begin for instance in instances for begin, end in (instance.first, instance.second)]


@pytest.mark.parametrize("make", [full, pairs, lambda *a, **k: pairs(*a, swap=True, **k)])
@pytest.mark.parametrize("max_length", [8, 9, 64, 512])
def test_instances_are_a_function_of_documents_and_key_and_fit(make, max_length):
    documents = random_corpus(0)
    found = make(documents, max_length=max_length)
    assert found == make(documents, max_length=max_length)
    assert found != make(documents, max_length=max_length, key=2)
    for instance in found:
        runs = [run for run in (instance.first, instance.second) if run]
        assert all(0 <= begin < end <= len(documents.ids) for begin, end in runs)
        assert sum(end - begin for begin, end in runs) + len(runs) + 1 <= max_length
        assert len({document_of(documents, token) for begin, end in runs[:1] for token in (begin, end - 1)}) == 1


@pytest.mark.parametrize("short_probability", [0, 0.1, 1])
@pytest.mark.parametrize("max_length", [8, 50, 300])
def test_full_sentences_hold_every_token_once_and_no_two_documents(short_probability, max_length):
    documents = random_corpus(1)
    found = full(documents, short_probability=short_probability, max_length=max_length)
    assert [token for i in found for token in range(*i.first)] == documents.ids.tolist()
    assert all(document_of(documents, i.first[0]) == document_of(documents, i.first[1] - 1) for i in found)


def test_full_sentences_hold_as_many_sentences_as_fit_and_cut_only_those_that_never_fit():
    documents = corpus([[5, 5, 5, 9, 40, 3], [30]])
    runs = [instance.first for instance in full(documents, max_length=18, short_probability=0)]
    assert runs == [(0, 15), (15, 24), (24, 40), (40, 56), (56, 67), (67, 83), (83, 97)]


def test_a_documents_instances_do_not_depend_on_what_stands_before_it():
    """Draws are keyed by the document and the place in it, not by the place in the slice."""
    one, other = corpus([[7], [3, 4, 5, 6] * 20]), corpus([[900], [3, 4, 5, 6] * 20])
    after = [[(a - first, b - first) for a, b in (i.first for i in full(d, short_probability=0.5)) if a >= first]
             for d, first in ((one, 7), (other, 900))]  # fmt: skip
    assert after[0] == after[1]


def test_short_targets_are_as_frequent_as_asked_and_of_every_length():
    documents = corpus([[1] * 200_000])
    lengths = np.array([i.first[1] - i.first[0] for i in full(documents, max_length=66, short_probability=0.25)])
    short = lengths[lengths < 64]
    assert abs(len(short) / len(lengths) - 0.25 * 62 / 63) < 0.01  # a drawn length may be the whole
    counts = np.bincount(short, minlength=64)[2:]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 110  # chi-square, 61 degrees of freedom


def test_labels_of_pairs_are_balanced_whatever_the_documents():
    for documents in (
        random_corpus(2, documents=2000, sentences=40),
        corpus([[10, 10]] * 12_000),  # the classic builder: far from half
        corpus([[30]] * 5000 + [[3, 50, 4]] * 9000),
    ):
        found = pairs(documents)
        assert len(found) > 9000
        assert abs(np.mean([instance.label for instance in found]) - 0.5) < 0.01


def test_a_pair_that_follows_is_one_run_of_one_document_and_a_random_one_is_of_two_documents():
    documents = random_corpus(3, documents=300)
    for instance in pairs(documents, short_probability=0):
        places = [document_of(documents, token) for run in (instance.first, instance.second) for token in run[:1]]
        if instance.label == IS_NEXT:
            assert places[0] == places[1]
        else:
            assert instance.label == IS_RANDOM
            assert places[0] != places[1]
    short = corpus([[3, 4, 5, 2, 3], [2, 2, 4, 1]] * 50)  # nothing to cut, so that runs touch
    for instance in pairs(short, max_length=128):
        assert (instance.first[1] == instance.second[0]) == (instance.label == IS_NEXT)


def test_random_partners_are_drawn_from_all_other_documents_and_sentences():
    documents = corpus([[4, 4, 4]] * 5)
    partners, starts = Counter(), Counter()
    for key in range(2000):
        for instance in pairs(documents, key=key):
            if instance.label == IS_RANDOM:
                partners[document_of(documents, instance.first[0]), document_of(documents, instance.second[0])] += 1
                starts[instance.second[0] % 12] += 1
    assert len(partners) == 20
    assert min(partners.values()) > 0.8 * max(partners.values())
    assert set(starts) == {0, 4, 8}
    assert min(starts.values()) > 0.9 * max(starts.values())


def test_what_no_pair_has_room_for_is_a_last_sentence_alone():
    draw = np.random.default_rng(4)
    documents = corpus([[1] * draw.integers(1, 300) for _ in range(200)])  # no sentence reaches over the length
    seen = np.zeros(len(documents.ids), dtype=int)
    for instance in pairs(documents, short_probability=0.3):
        for run in (instance.first, instance.second)[: 1 + (instance.label == IS_NEXT)]:
            seen[slice(*run)] += 1
    last = documents.documents[1:] - 1
    assert set(np.flatnonzero(seen == 0)) <= set(last)
    assert seen.max() == 1
    assert 0.3 < seen[last].mean() < 0.99


def test_one_sentence_documents_are_only_partners():
    documents = corpus([[5], [6, 7], [8], [9]])
    found = [instance for key in range(200) for instance in pairs(documents, key=key)]
    assert {document_of(documents, instance.first[0]) for instance in found} == {1}
    random = [instance for instance in found if instance.label == IS_RANDOM]
    assert {document_of(documents, instance.second[0]) for instance in random} == {0, 2, 3}


def test_a_lone_document_lends_partners_from_its_other_half():
    documents = corpus([[10] * 400])
    found = pairs(documents, max_length=67)
    assert 0.3 < np.mean([instance.label for instance in found]) < 0.7
    for instance in found:
        halves = [instance.first[0] >= 2000, instance.second[0] >= 2000]
        assert (halves[0] == halves[1]) == (instance.label == IS_NEXT)


@pytest.mark.parametrize("documents", [[], [[5]], [[5], [6]], [[5, 5]], [[5, 5, 5]]])
def test_too_little_text_makes_few_pairs_or_none_but_no_error(documents):
    assert len(pairs(corpus(documents))) <= 1
    assert len(pairs(corpus(documents), swap=True)) == sum(len(d) > 1 for d in documents)
    assert len(full(corpus(documents))) == len(documents)


def test_order_is_swapped_for_half_of_the_pairs():
    documents = random_corpus(5, documents=1500, sentences=40)
    found = pairs(documents, swap=True)
    for instance in found:
        assert document_of(documents, instance.first[0]) == document_of(documents, instance.second[0])
        assert (instance.first[0] > instance.second[0]) == (instance.label == 1)
    assert abs(np.mean([instance.label for instance in found]) - 0.5) < 0.01


def test_the_longer_segment_is_cut_first_and_at_both_ends():
    documents = corpus([[30] * 4, [30] * 4])
    fronts = []
    for key in range(500):
        for instance in pairs(documents, max_length=64, short_probability=0, key=key):
            first, second = sizes([instance])
            assert first + second <= 61
            if first + second == 61:
                assert abs(first - second) <= 1 or min(first, second) >= 30
                fronts.append(instance.first[0] % 30 > 0)
    assert 0.2 < np.mean(fronts) < 1


def test_keys_of_documents_differ():
    """Documents of the same shape do not get the same draws."""
    documents = corpus([[5] * 50] * 30)
    shapes = {tuple(sizes([i for i in pairs(documents, key=key_of(4)) if document_of(documents, i.first[0]) == d]))
              for d in range(30)}  # fmt: skip
    assert len(shapes) == 30
