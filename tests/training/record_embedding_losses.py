"""Records losses and gradients of sentence-transformers, and rank correlations of scipy. Needs a Python that has both.

python tests/training/record_embedding_losses.py
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sentence_transformers
import torch
from scipy.stats import rankdata, spearmanr
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.losses import TripletDistanceMetric

EXAMPLES, WIDTH = 5, 6
MODEL = torch.nn.Identity()
LOSSES = {
    "multiple_negatives_ranking": (losses.MultipleNegativesRankingLoss(MODEL), 2),
    "multiple_negatives_ranking, a negative": (losses.MultipleNegativesRankingLoss(MODEL), 3),
    "multiple_negatives_ranking, two negatives, scale 5": (losses.MultipleNegativesRankingLoss(MODEL, scale=5.0), 4),
    "cosine_similarity": (losses.CosineSimilarityLoss(MODEL), 2),
    "triplet": (losses.TripletLoss(MODEL, TripletDistanceMetric.COSINE, triplet_margin=0.5), 3),
}
"""Name -> loss and number of texts per example."""


def recorded(loss, vectors: np.ndarray, scores: np.ndarray) -> dict:
    """The loss of vectors of length 1 (examples, texts, width) and the gradient of the vectors before they are
    scaled to length 1."""
    raw = torch.tensor(vectors, requires_grad=True)
    texts = [raw[:, place] / raw[:, place].norm(dim=-1, keepdim=True) for place in range(vectors.shape[1])]
    value = loss.compute_loss_from_embeddings(texts, torch.tensor(scores))
    value.backward()
    return {"vectors": vectors.tolist(), "loss": value.item(), "gradient": raw.grad.numpy().tolist()}


def main() -> None:
    chance = np.random.default_rng(0)
    scores = chance.random(EXAMPLES).round(3)
    found = {
        name: recorded(loss, chance.normal(size=(EXAMPLES, texts, WIDTH)).round(3), scores)
        for name, (loss, texts) in LOSSES.items()
    }
    pairs = [(chance.normal(size=20), chance.normal(size=20)), tuple(chance.integers(0, 4, (2, 30)))]
    correlations = [
        {"a": a.tolist(), "b": b.tolist(), "ranks": rankdata(a).tolist(), "spearman": spearmanr(a, b).statistic}
        for a, b in pairs
    ]
    made = {"sentence-transformers": sentence_transformers.__version__, "scipy": scipy.__version__}
    path = Path(__file__).parent / "embedding_losses.json"
    content = {**made, "scores": scores.tolist(), "losses": found, "correlations": correlations}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
