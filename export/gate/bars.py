"""What the parity gate demands of an exported file's outputs, one rule a problem type."""

import numpy as np

from kerasbert.decoding.labels import SCORES, sigmoid, softmax
from kerasbert.tasks.figures import evaluate
from kerasbert.tasks.table import EMBEDDING, FEATURES

TOLERANCE = 1e-4
"""Largest difference of a float32 file's logits from Keras's."""
AGREEMENT = 0.99
"""Least share of answers that a quantised file has in common with Keras."""
ROUGH = {"int4": 0.93, "full-int8": 0.85}
"""The same of precisions that cannot reach it. Weights of 4 bits kept 97 % of a fine-tuned encoder's answers. With
activations of 8 bits, outliers in BERT's residual sums leave few of them to the rest (arXiv 2109.12948): a fine-tuned
MiniLM kept 89 % of its answers, an encoder of two blocks 92 %; with 16 bits, 100 % and 99 %."""
HESITATES = 0.1
"""A text without a label of its own may be answered otherwise by a quantised file where Keras hesitates: its two best
probabilities closer than this. On labelled data every text counts."""
SURE = 0.5
"""There the quantised file has to hesitate as well: its two best probabilities closer than this."""
DROP = 0.005
"""Largest loss of accuracy of a quantised file on labelled data: 0.5 points."""
ROUGH_DROP = {"int4": 0.02, "full-int8": 0.05}
"""The same of the precisions of `ROUGH`."""
COSINE = 0.98
"""Least likeness of a quantised file's vector of a text or token to Keras's."""
VECTORS = (EMBEDDING, FEATURES)
SPREAD = 0.05
"""Values of a regression agree within this share of their spread, or of 1 where they spread less."""


def judge(
    actual: np.ndarray, expected: np.ndarray, problem_type: str, precision: str, *, scores: bool = False
) -> list[str]:
    """What is wrong with an output on unlabelled texts: nothing, or one line.

    Args:
        actual, expected: float (texts or tokens, labels or width), of the file and of Keras.
        precision: of the file, as in kerasbert.json.
        scores: the file ends in scores, and so the float32 bar is one for scores.
    """
    if wrong := _unusable(actual, expected):
        return wrong
    if precision == "float32":
        difference = largest_difference(actual, expected, problem_type, scores=scores)
        return [f"outputs differ by {difference:.2g}, {TOLERANCE:g} allowed"] if difference > TOLERANCE else []
    hesitate = (_margin(expected, problem_type) < HESITATES) & (_margin(actual, problem_type) < SURE)
    share = float(np.mean(_agree(actual, expected, problem_type) | hesitate))
    wanted = ROUGH.get(precision, AGREEMENT)
    return [f"{share:.1%} of answers agree, {wanted:.0%} wanted"] if share < wanted else []


def judge_data(
    actual: np.ndarray,
    expected: np.ndarray,
    truth: np.ndarray,
    problem_type: str,
    precision: str = "int8",
    *,
    drop: float | None = None,
) -> list[str]:
    """What is wrong with a quantised file's logits on labelled texts.

    Args:
        precision: of the file, as in kerasbert.json; not "float32".
        drop: accuracy that it may lose, from 0 to 1: the user's own bar, and then the only one. None: `DROP`, and
            `AGREEMENT` beside it, or what `precision` has in their place.
    """
    if wrong := _unusable(actual, expected):
        return wrong
    failures = []
    share, wanted = agreement(actual, expected, problem_type), ROUGH.get(precision, AGREEMENT)
    if drop is None and share < wanted:
        failures.append(f"{share:.2%} of answers on the data agree, {wanted:.0%} wanted")
    before, after = (evaluate(logits, truth, problem_type).get("accuracy", 0.0) for logits in (expected, actual))
    drop = ROUGH_DROP.get(precision, DROP) if drop is None else drop
    if round(before - after, 9) > drop:  # 0.8 - 0.795 is a little more than 0.005
        failures.append(f"accuracy on the data falls by {100 * (before - after):.2f} points, {100 * drop:g} allowed")
    return failures


def largest_difference(actual: np.ndarray, expected: np.ndarray, problem_type: str, *, scores: bool = False) -> float:
    """Of the outputs, or of their scores."""
    if scores:
        actual, expected = (SCORES.get(problem_type, np.asarray)(output) for output in (actual, expected))
    return float(np.abs(actual - expected).max())


def agreement(actual: np.ndarray, expected: np.ndarray, problem_type: str) -> float:
    """Share of equal answers."""
    return float(np.mean(_agree(actual, expected, problem_type)))


def _unusable(actual: np.ndarray, expected: np.ndarray) -> list[str]:
    """What keeps outputs from being compared at all. Comparisons with NaN are false, so it would pass any bar."""
    if actual.shape != expected.shape or not actual.size:
        return [f"its outputs are of shape {actual.shape}, Keras's of {expected.shape}"]
    if not np.isfinite(expected).all():
        return ["Keras's own outputs are not all finite"]
    return [] if np.isfinite(actual).all() else ["its outputs are not all finite"]


def _agree(actual: np.ndarray, expected: np.ndarray, problem_type: str) -> np.ndarray:
    """bool, (texts,) or (texts, labels)."""
    if problem_type == "regression":
        return np.abs(actual - expected) <= SPREAD * max(1.0, float(np.ptp(expected)))
    if problem_type in VECTORS:
        lengths = np.linalg.norm(actual, axis=-1) * np.linalg.norm(expected, axis=-1)
        return np.sum(actual * expected, axis=-1) >= COSINE * lengths
    if problem_type == "multi_label_classification":
        return (actual > 0) == (expected > 0)
    return actual.argmax(-1) == expected.argmax(-1)


def _margin(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """How decided Keras is, from 0 to 1, in the shape of `_agree`; a number always is."""
    if problem_type == "regression":
        return np.ones_like(logits)
    if problem_type in VECTORS:
        return np.ones(len(logits))
    if problem_type == "multi_label_classification":
        return np.abs(2 * sigmoid(logits) - 1)
    best = np.sort(softmax(logits), axis=-1)
    return best[:, -1] - best[:, -2]
