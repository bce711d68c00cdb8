"""Sampling: its distributions are those of a plain reference and of KerasHub's samplers."""

from collections import Counter

import numpy as np
import pytest
from decoding.tables import END, START, Steps, Table

from kerasbert.decoding.generation import Rules
from kerasbert.decoding.sampling import Sampling, sample
from kerasbert.tasks.draws import key_of, uniform

CASES = [(1.0, 0, 1.0), (0.7, 0, 1.0), (2.0, 3, 1.0), (1.0, 0, 0.5), (1.5, 5, 0.8), (1.0, 1, 1.0), (1.0, 0, 0.01)]


def rules(most=6, **values):
    return Rules(start=START, end=END, most=most, **values)


def draw(row, number, token):
    return uniform(key_of(7, row, number), token)


def expected(log_probabilities, temperature, top_k, top_p):
    """The probabilities of all tokens, one token at a time."""
    weights = np.exp(np.float64(log_probabilities) / temperature)
    ranked = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    ranked = ranked[: top_k or len(ranked)]
    total, kept, sum_before = sum(weights[token] for token in ranked), [], 0.0
    for token in ranked:
        if not kept or sum_before / total < top_p:
            kept.append(token)
        sum_before += weights[token]
    found = np.zeros(len(weights))
    found[kept] = weights[kept] / weights[kept].sum()
    return found


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), CASES)
def test_the_distribution_is_that_of_the_reference(temperature, top_k, top_p):
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    for seed in range(20):
        scores = Table(seed, 12).log_probabilities([START])
        tokens, probabilities = sampling.distribution(scores)
        found = np.zeros(12)
        found[tokens] = probabilities
        np.testing.assert_allclose(found, expected(scores, temperature, top_k, top_p), atol=1e-12)


def test_the_tokens_of_top_p_are_the_fewest_that_have_it():
    for top_p, count in ((0.49, 2), (0.5, 2), (0.51, 3), (1.0, 4)):
        tokens, probabilities = Sampling(top_p=top_p).distribution(np.log(np.full(4, 0.25)))
        assert tokens.tolist() == list(range(count))
        assert probabilities.tolist() == [1 / count] * count


def test_each_text_has_random_numbers_of_its_own_and_a_number_chooses_a_share_of_the_tokens():
    asked = []

    def half(*where):
        asked.append(where)
        return 0.5

    def step(tokens, origins):
        return np.zeros((len(tokens), 4), np.float32)

    found = sample(step, 2, rules(2), half, Sampling(), count=2)  # the second half of the tokens begins with the end
    assert [[each.tokens.tolist() for each in texts] for texts in found] == [[[END]] * 2] * 2
    assert asked == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    sample(step, 1, rules(2), lambda *where: asked.append(where) or 0.0, Sampling())
    assert asked[4:] == [(0, 0, 0), (0, 0, 1)]


def frequencies(texts):
    return {text: count / len(texts) for text, count in Counter(texts).items()}


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), [CASES[0], CASES[4]])
def test_texts_are_as_frequent_as_they_are_probable(temperature, top_k, top_p):
    """Among 4,000 texts of two tokens, within five standard deviations."""
    table, count = Table(2, 6), 4000
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    (found,) = sample(Steps(table), 1, rules(2), draw, sampling, count=count)
    seen = frequencies([tuple(each.tokens.tolist()) for each in found])
    wanted = {}
    for first, p in enumerate(expected(table.log_probabilities([START]), temperature, top_k, top_p)):
        following = expected(table.log_probabilities([START, first]), temperature, top_k, top_p)
        wanted |= {(first,): p} if first == END else {(first, token): p * q for token, q in enumerate(following)}
    assert seen.keys() <= {text for text, p in wanted.items() if p}
    for text, p in wanted.items():
        assert abs(seen.get(text, 0.0) - p) <= 5 * np.sqrt(p * (1 - p) / count), text


@pytest.mark.parametrize("name", ["random", "top_k", "top_p"])
def test_tokens_are_as_frequent_as_keras_hub_draws_them(name):
    samplers = pytest.importorskip("keras_hub").samplers
    sampler, sampling = {
        "random": (samplers.RandomSampler(temperature=0.8, seed=1), Sampling(temperature=0.8)),
        "top_k": (samplers.TopKSampler(k=4, temperature=0.8, seed=1), Sampling(temperature=0.8, top_k=4)),
        "top_p": (samplers.TopPSampler(p=0.7, seed=1), Sampling(top_p=0.7)),
    }[name]
    table, count = Table(5, 10), 20000
    logits = np.tile(np.float32(table.logits([START])), (count, 1))
    drawn = np.asarray(sampler.get_next_token(sampler.compute_probabilities(logits)))
    tokens, probabilities = sampling.distribution(table.log_probabilities([START]))
    assert set(drawn.tolist()) == set(tokens.tolist())
    for token, p in zip(tokens, probabilities, strict=True):
        assert abs(np.mean(drawn == token) - p) <= 5 * np.sqrt(p * (1 - p) / count)


def test_a_seed_gives_the_same_texts_in_any_batch():
    tables = [Table(seed, 9, ending=1.0) for seed in range(5)]
    steps = Steps(*tables)
    together = sample(steps, 5, rules(8), draw, Sampling(), count=3)
    for row, (table, found) in enumerate(zip(tables, together, strict=True)):
        alone = sample(Steps(table), 1, rules(8), lambda _, *where, row=row: draw(row, *where), Sampling(), count=3)
        for a, b in zip(found, alone[0], strict=True):
            assert a.tokens.tolist() == b.tokens.tolist()
            assert a.score == b.score
    assert steps.sizes[0] == 15
    assert steps.sizes[-1] < 15  # texts that are done have left the batch


def test_the_score_is_the_models_own():
    table = Table(0, 9, ending=1.0)
    sampling = Sampling(temperature=3.0, top_k=5)
    (found,) = sample(Steps(table), 1, rules(8), draw, sampling, count=9, length_penalty=0.5)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    for each in found:
        text = [START, *each.tokens.tolist()]
        total = sum(table.log_probabilities(text[:i])[text[i]] for i in range(1, len(text)))
        assert each.score == pytest.approx(total / len(each.tokens) ** 0.5, rel=1e-5)


def test_rules_hold_for_samples_too():
    limits = rules(6, least=2, no_repeat=1)
    (found,) = sample(Steps(Table(0, 9, ending=2.0)), 1, limits, draw, Sampling(), count=50)
    for each in found:
        text = [START, *each.tokens.tolist()]
        assert len(set(text)) == len(text)
        assert len(text) > 3
        assert len(each.tokens) == 6 or text[-1] == END
    (found,) = sample(Steps(Table(0, 4)), 1, rules(9, least=9, no_repeat=1), draw, Sampling())
    assert sorted(found[0].tokens.tolist()) == [0, 3]
