"""Records coefficients of scikit-learn's logistic regression. Needs a Python that has it.

python tests/training/record_logistic.py
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

ROWS, WIDTH, LABELS = 40, 5, 3


def main() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, LABELS, ROWS)
    vectors = (draw.normal(size=(LABELS, WIDTH))[labels] + draw.normal(size=(ROWS, WIDTH)) + 3).round(3)
    weights = draw.random(ROWS).round(2)
    scaled = vectors - vectors.mean(axis=0)
    scaled /= np.sqrt(np.mean(np.square(scaled)))
    found = {}
    for name, c, given in (("plain", 1.0, None), ("weighted", 0.1, weights)):
        model = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(scaled, labels, sample_weight=given)
        found[name] = {"c": c, "logits": model.decision_function(scaled).tolist()}
    made = {"scikit-learn": sklearn.__version__, "vectors": vectors.tolist(), "labels": labels.tolist()}
    path = Path(__file__).parent / "logistic.json"
    content = {**made, "weights": weights.tolist(), "found": found}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
