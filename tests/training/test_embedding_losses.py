"""Losses of sentence embeddings: those of sentence-transformers, and which texts are negatives."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from training.task_runs import encoder, scored_pairs

from kerasbert import SentenceEncoder
from kerasbert.errors import ConfigError
from kerasbert.layers.heads import UnitLength
from kerasbert.tasks.figures import similarities
from kerasbert.tasks.sentence_embedding import text_id
from kerasbert.training.embedding_losses import (
    CosineSimilarityLoss,
    EmbeddingLoss,
    MultipleNegativesRankingLoss,
    TripletLoss,
)

RECORDED = json.loads((Path(__file__).parent / "embedding_losses.json").read_text(encoding="utf-8"))
OURS = {
    "multiple_negatives_ranking": MultipleNegativesRankingLoss(),
    "multiple_negatives_ranking, a negative": MultipleNegativesRankingLoss(),
    "multiple_negatives_ranking, two negatives, scale 5": MultipleNegativesRankingLoss(scale=5.0),
    "cosine_similarity": CosineSimilarityLoss(),
    "triplet": TripletLoss(),
}


def ids(texts: list[list[str]]) -> np.ndarray:
    """The targets of pairs; "" is a text that is missing."""
    return np.array([[text_id(text) if text else (0, 0) for text in row] for row in texts], "float32")


def unit(vectors) -> np.ndarray:
    return np.array(vectors) / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("usual", [False, True])
def test_losses_and_gradients_are_those_of_sentence_transformers(name, usual):
    recorded = RECORDED["losses"][name]
    loss = EmbeddingLoss() if usual and "," not in name and name != "triplet" else OURS[name]
    raw = tf.constant(recorded["vectors"], "float32")
    examples, texts, _ = raw.shape
    different = ids([[f"{example} {text}" for text in range(texts)] for example in range(examples)])
    scores = np.tile(np.array(RECORDED["scores"], "float32")[:, None, None], (1, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = loss(scores if name == "cosine_similarity" else different, UnitLength()(raw))
    assert float(value) == pytest.approx(recorded["loss"], rel=1e-5)
    np.testing.assert_allclose(tape.gradient(value, raw), recorded["gradient"], atol=2e-6)


@pytest.mark.parametrize("recorded", RECORDED["correlations"])
def test_rank_correlation_is_that_of_scipy(recorded):
    np.testing.assert_allclose(similarities.ranks(recorded["a"]), recorded["ranks"])
    assert similarities.spearman(recorded["a"], recorded["b"]) == pytest.approx(recorded["spearman"], abs=1e-12)


def test_equal_values_have_no_correlation():
    assert similarities.spearman([1, 1, 1], [1, 2, 3]) == 0.0


def by_hand(vectors: np.ndarray, seen: list[list[tuple[int, int]]]) -> list[float]:
    """The loss of each example, whose negatives are the given texts, as (example, place)."""
    found = []
    for (anchor, positive, *_), negatives in zip(vectors, seen, strict=True):
        logits = 20 * np.array([anchor @ positive, *(anchor @ vectors[place] for place in negatives)])
        found.append(float(np.log(np.exp(logits).sum()) - logits[0]))
    return found


def test_a_right_text_is_no_negative():
    """Examples 0 and 1 have the same positive, 0 and 2 the same anchor. A negative of 3 is right for 0 and 2."""
    vectors = unit(np.random.default_rng(1).normal(size=(4, 3, 8)))
    texts = [["q", "a", ""], ["r", "a", ""], ["q", "b", "c"], ["s", "d", "b"]]
    vectors[1, 1] = vectors[0, 1]
    vectors[3, 2] = vectors[2, 1]
    loss = MultipleNegativesRankingLoss(reduction=None)(ids(texts), vectors.astype("float32"))
    seen = [
        [(3, 1), (2, 2)],
        [(2, 1), (3, 1), (2, 2), (3, 2)],
        [(3, 1), (2, 2)],
        [(0, 1), (1, 1), (2, 1), (2, 2), (3, 2)],
    ]
    np.testing.assert_allclose(loss, by_hand(vectors, seen), rtol=1e-5)


def test_an_example_without_negatives_costs_nothing():
    vectors = ops.convert_to_tensor(unit(np.ones((1, 2, 4))), "float32")
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        value = MultipleNegativesRankingLoss()(ids([["a", "b"]]), vectors)
    assert float(value) == 0.0
    np.testing.assert_array_equal(tape.gradient(value, vectors), np.zeros((1, 2, 4)))


def test_missing_negatives_of_a_triplet_do_not_count():
    vectors = unit(np.random.default_rng(2).normal(size=(2, 4, 8))).astype("float32")
    texts = [["a", "b", "c", ""], ["d", "e", "", ""]]
    loss = TripletLoss(margin=2.0, reduction=None)(ids(texts), vectors)
    anchor, positive, negative, _ = vectors[0]
    np.testing.assert_allclose(loss, [anchor @ negative - anchor @ positive + 2.0, 0.0], rtol=1e-5)


@pytest.mark.parametrize("loss", [MultipleNegativesRankingLoss(), TripletLoss()])
def test_scores_for_a_loss_of_pairs_are_refused(loss):
    with pytest.raises(ConfigError, match="its examples are pairs without right answers"):
        loss(np.ones((2, 2, 1), "float32"), np.ones((2, 2, 4), "float32"))


def test_right_vectors_have_the_mean_squared_error():
    draw = np.random.default_rng(3)
    for shape in ((3, 8), (3, 1, 8)):
        right, found = (draw.normal(size=shape).astype("float32") for _ in range(2))
        assert float(EmbeddingLoss()(right, found)) == pytest.approx(float(np.mean((right - found) ** 2)), rel=1e-6)


@pytest.mark.parametrize("loss", [*OURS.values(), EmbeddingLoss()])
def test_a_loss_comes_back_from_its_config(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (type(again), again.get_config()) == (type(loss), loss.get_config())


def test_a_micro_batch_sees_its_own_texts_only():
    """So a batch of 4 in 2 parts has the mean loss of its halves, each time."""
    inputs, _ = scored_pairs("scored pairs", 4)
    right = ids([[f"{example} {text}" for text in range(2)] for example in range(4)])

    def loss(part: slice, accumulate: int) -> float:
        model = SentenceEncoder(encoder(pooler=False))
        model.compile("sgd", accumulate=accumulate, run_eagerly=True)
        chosen = {name: values[part] for name, values in inputs.items()}
        return model.train_on_batch(chosen, right[part], return_dict=True)["loss"]

    halves, whole = [loss(part, 1) for part in (slice(0, 2), slice(2, 4))], slice(0, 4)
    assert loss(whole, 2) == pytest.approx(np.mean(halves), rel=1e-5)
    assert loss(whole, 2) == loss(whole, 2)
    assert loss(whole, 1) > np.mean(halves) + 0.1
