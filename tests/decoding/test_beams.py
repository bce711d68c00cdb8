"""Beam search and greedy search: against every text of a small vocabulary, transformers and KerasHub."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from decoding.tables import END, START, Steps, Table

from kerasbert.decoding.beams import beam_search
from kerasbert.decoding.generation import Rules, best_places

RECORDED = json.loads(Path(__file__).with_name("beams.json").read_text(encoding="utf-8"))


def rules(most=6, **values):
    return Rules(start=START, end=END, most=most, **values)


def ids(texts):
    return [each.tokens.tolist() for each in texts]


def every_text(table, most, vocabulary):
    """Every text that ends, or that has `most` tokens, with the sum of its log-probabilities."""
    found = {}
    for length in range(1, most + 1):
        for text in itertools.product(range(vocabulary), repeat=length):
            if END not in text[:-1] and (text[-1] == END or length == most):
                prefixes = [(START, *text[:place]) for place in range(length)]
                found[text] = sum(table.log_probabilities(x)[t] for x, t in zip(prefixes, text, strict=True))
    return found


@pytest.mark.parametrize("penalty", [-1.0, 0.0, 1.0, 2.0])
def test_a_beam_wide_enough_finds_the_best_of_all_texts(penalty):
    table, most = Table(0, 4, ending=0.5), 4
    known = every_text(table, most, 4)
    ranked = sorted(known, key=lambda text: -known[text] / len(text) ** penalty)
    (found,) = beam_search(Steps(table), 1, rules(most), beams=len(known), length_penalty=penalty)
    assert ids(found) == [list(text) for text in ranked]
    scores = [known[text] / len(text) ** penalty for text in ranked]
    np.testing.assert_allclose([each.score for each in found], scores, rtol=1e-5)


@pytest.mark.parametrize("no_repeat", [1, 2])
def test_no_n_gram_comes_twice_in_the_best_of_all_texts(no_repeat):
    table, most = Table(3, 4), 5

    def grams(text):
        whole = (START, *text)
        return [whole[i : i + no_repeat] for i in range(len(whole) - no_repeat + 1)]

    known = {
        text: score for text, score in every_text(table, most, 4).items() if len(set(grams(text))) == len(grams(text))
    }
    ranked = sorted(known, key=lambda text: -known[text])
    limits = rules(most, no_repeat=no_repeat)
    (found,) = beam_search(Steps(table), 1, limits, beams=len(known), length_penalty=0.0)
    assert ids(found) == [list(text) for text in ranked]


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: f"{case['seed']}-{case['beams']}")
def test_texts_and_scores_are_those_of_transformers(case):
    table = Table(case["seed"], RECORDED["vocabulary"], ending=RECORDED["ending"])
    limits = rules(case["most"], least=case["least"], no_repeat=case["no_repeat"])
    (found,) = beam_search(Steps(table), 1, limits, beams=case["beams"], length_penalty=case["length_penalty"])
    assert ids(found) == case["texts"]
    if case["scores"]:
        np.testing.assert_allclose([each.score for each in found], case["scores"], rtol=1e-5)


@pytest.mark.parametrize("beams", [1, 4])
def test_what_is_written_for_a_row_does_not_depend_on_its_batch(beams):
    tables = [Table(seed, 9, ending=seed - 2.0) for seed in range(6)]
    steps = Steps(*tables)
    together = beam_search(steps, 6, rules(12), beams=beams)
    for table, found in zip(tables, together, strict=True):
        (alone,) = beam_search(Steps(table), 1, rules(12), beams=beams)
        assert ids(found) == ids(alone)
        assert [each.score for each in found] == [each.score for each in alone]
    lengths = [max(len(each.tokens) for each in found) for found in together]
    assert len(set(lengths)) > 1
    assert steps.sizes[0] == 6
    assert steps.sizes[-1] < 6 * beams  # rows that are done have left the batch


def test_one_beam_takes_the_likeliest_token():
    for seed in range(5):
        table, text = Table(seed, 9, ending=0.5), [START]
        while len(text) < 9 and (len(text) == 1 or text[-1] != END):
            text.append(int(table.logits(text).argmax()))
        ((found,),) = beam_search(Steps(table), 1, rules(8))
        assert found.tokens.tolist() == text[1:]
        assert found.tokens.dtype == np.int32


@pytest.mark.parametrize("beams", [1, 3])
def test_a_model_that_never_ends_stops_at_the_largest_number_of_tokens(beams):
    steps = Steps(Table(0, 7, ending=-1e9))
    (found,) = beam_search(steps, 1, rules(5), beams=beams)
    assert len(found) == beams
    assert all(len(each.tokens) == 5 and each.tokens[-1] != END for each in found)
    assert len(steps.sizes) == 5


def test_the_end_comes_after_the_smallest_number_of_tokens():
    table = Table(0, 7, ending=20.0)
    assert ids(beam_search(Steps(table), 1, rules())[0]) == [[END]]
    (found,) = beam_search(Steps(table), 1, rules(least=3))[0]
    assert len(found.tokens) == 4
    assert found.tokens[-1] == END


def test_rules_that_leave_no_token_stop_a_text_where_it_is():
    """Of 4 tokens, one is the start and one is forbidden as the end, so two are left."""
    (found,) = beam_search(Steps(Table(0, 4)), 1, rules(9, least=9, no_repeat=1), beams=2)
    assert sorted(ids(found)) == [[0, 3], [3, 0]]
    assert all(np.isfinite(each.score) for each in found)


def test_of_equal_tokens_the_lower_one_comes_first():
    def step(tokens, origins):
        return np.zeros((len(tokens), 5), np.float32)

    (found,) = beam_search(step, 1, rules(2), beams=3)
    assert ids(found) == [[2], [0, 0], [0, 1]]  # all have the same score, and [2] ended first


def test_one_beam_stops_at_the_first_end_though_another_token_is_as_likely():
    """The text of the other token would have the better mean, since it ends surely."""

    def step(tokens, origins):
        logits = np.full((len(tokens), 6), -99.0, np.float32)
        logits[:, END] = 0.0
        logits[tokens == START, 5] = 0.0
        return logits

    ((found,),) = beam_search(step, 1, rules())
    assert found.tokens.tolist() == [END]
    assert ids(beam_search(step, 1, rules(), beams=2)[0]) == [[5, END], [END]]


@pytest.mark.parametrize("count", [1, 3, 6, 9])
def test_best_places_are_those_of_a_stable_sort(count):
    for values in ([3.0, 1.0, 3.0, 2.0, 3.0, -np.inf], [1.0] * 6, [-np.inf] * 5 + [0.0]):
        values = np.array(values)
        wanted = [i for i in np.argsort(-values, kind="stable")[:count] if values[i] > -np.inf]
        assert best_places(values, count).tolist() == wanted


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_texts_are_those_of_keras_hub(beams):
    """Its beam search ranks texts of one length only, so the model here never ends."""
    samplers = pytest.importorskip("keras_hub").samplers
    table, most = Table(1, 8, ending=-1e9), 6
    prompt = np.full((1, most + 1), START, np.int32)

    def following(prompt, cache, index):
        texts = np.asarray(prompt)[:, : int(index)].tolist()
        return np.array([table.logits(text) for text in texts], np.float32), None, cache

    if beams == 1:
        texts = np.asarray(samplers.GreedySampler()(following, prompt, index=1))
    else:
        sampler = samplers.BeamSampler(num_beams=beams, return_all_beams=True)
        texts, sums = (np.asarray(each)[0] for each in sampler(following, prompt, index=1))
    (found,) = beam_search(Steps(table), 1, rules(most), beams=beams, length_penalty=0.0)
    assert ids(found) == texts[:, 1:].tolist()
    if beams > 1:
        np.testing.assert_allclose([each.score for each in found], sums, rtol=1e-4)
