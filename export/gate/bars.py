"""The limits of the parity gate: how far the numbers and answers of an exported file may differ from Keras's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.labels import SCORES, sigmoid, softmax

TOLERANCE = 1e-4
"""Largest absolute difference between the numbers of a float32 file and Keras's."""
AGREEMENT = 0.99
"""Smallest share of a quantised file's answers on golden texts that must equal Keras's, or be unclear (`HESITATES`)."""
ROUGH = {"int4": 0.93, "full-int8": 0.85}
"""The same for precisions that cannot reach `AGREEMENT`. Weights of 4 bits kept 97 % of a fine-tuned encoder's answers.
With activations of 8 bits, outliers in BERT's residual sums leave few bits for other values (arXiv 2109.12948). A
fine-tuned MiniLM kept 89 % of its answers, and an encoder with two blocks 92 %; with 16 bits, 100 % and 99 %."""
HESITATES = 0.1
"""A quantised file's answer on a golden text is unclear if Keras's two best probabilities differ by less than this."""
SURE = 0.5
"""Such an answer is unclear only if the file's own two best probabilities also differ by less than this."""
TIES = 1e-5
"""What stands for `HESITATES` and `SURE` of a float32 file: answers this close are equal but for rounding."""
DROP = 0.005
"""Largest drop of a quantised file's headline figure on labelled data: 0.5 points. Where data are given, the drop
decides, and not the answers on golden texts."""
ROUGH_DROP = {"int4": 0.02, "full-int8": 0.05}
"""The same for the precisions of `ROUGH`."""

COSINE = 0.99
"""Smallest mean cosine of a quantised sentence encoder's vectors of golden texts with Keras's. MiniLM's was 0.997 in
LiteRT and 0.994 in ONNX Runtime with weights of 8 bits."""
ROUGH_COSINE = {"int4": 0.95, "full-int8": 0.9}
"""The same for the precisions of `ROUGH`."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The figure that decides whether a file passes.

    Attributes:
        figure: the figure, its value and its bound, as one line.
        value, bound: the numbers in that line; shares and drops from 0 to 1.
        passed: whether the value is within the bound.
    """

    figure: str
    value: float
    bound: float
    passed: bool


def decide_numbers(difference: float) -> Decision:
    """The decision on a float32 file, from the largest difference of its numbers (or scores) from Keras's."""
    return Decision(
        figure=f"outputs differ by {difference:.2g}, {TOLERANCE:g} allowed",
        value=difference,
        bound=TOLERANCE,
        passed=difference <= TOLERANCE,
    )


def judge_numbers(actual: np.ndarray, expected: np.ndarray, bar: str, precision: str, *, scores: bool = False) -> list:
    """Checks an output's numbers.

    Args:
        actual, expected: the numbers of the file and of Keras, float arrays that should have the same shape.
        bar: the kind of numbers (`kerasbert.tasks.task.Output.bar`).
        precision: the file's precision, as in kerasbert.json. A quantised file's numbers only have to be finite.
        scores: whether to compare scores instead of logits, for files that return scores.

    Returns:
        A list of one line that describes the failure, or an empty list.
    """
    if actual.shape != expected.shape or not actual.size:
        return [f"its outputs are of shape {actual.shape}, Keras's of {expected.shape}"]
    if not np.isfinite(expected).all():  # comparisons with NaN are false, so NaN would pass any bar
        return ["Keras's own outputs are not all finite"]
    if not np.isfinite(actual).all():
        return ["its outputs are not all finite"]
    difference = largest_difference(actual, expected, bar, scores=scores)
    decision = decide_numbers(difference)
    return [decision.figure] if precision == "float32" and not decision.passed else []


def decide_answers(alike: Sequence[bool], precision: str, *, what: str = "answers") -> Decision:
    """The decision on a file from the share of its answers that equal Keras's.

    Args:
        alike: for each answer, whether it equals Keras's or is unclear (`unclear_below`).
        precision: the file's precision, as in kerasbert.json.
        what: words for the line, such as "labels of tokens".
    """
    share = float(np.mean(alike))
    wanted = 1.0 if precision == "float32" else ROUGH.get(precision, AGREEMENT)
    agree = "agree" if precision == "float32" else "agree or are unclear"
    return Decision(
        figure=f"{share:.2%} of {what} {agree}, {wanted:.0%} wanted", value=share, bound=wanted, passed=share >= wanted
    )


def decide_vectors(cosines: Sequence[float], precision: str) -> Decision:
    """The decision on a quantised sentence encoder, from the cosine of each text's vector with Keras's.

    A share of equal answers says little here: nobody reads a vector, but rankings follow from how far all of them move.
    """
    mean, wanted = float(np.mean(cosines)), ROUGH_COSINE.get(precision, COSINE)
    return Decision(
        figure=f"cosines with Keras's vectors are {mean:.4f} in the mean, {wanted:g} wanted, and {min(cosines):.4f} at "
        "least",
        value=mean,
        bound=wanted,
        passed=mean >= wanted,
    )


def decide_figure(
    before: float | None, after: float | None, precision: str, drop: float | None, name: str
) -> Decision | None:
    """The decision on a quantised file from its headline figure on labelled data; None if the task has none.

    Args:
        before, after: the figure of Keras and of the file, from 0 to 1; None if the task has no headline figure.
        precision: the file's precision, as in kerasbert.json.
        drop: the largest drop that is allowed, from 0 to 1; None: that of `ROUGH_DROP` for the precision, or `DROP`.
        name: name of the figure, for the line.
    """
    if before is None or after is None:
        return None
    drop = ROUGH_DROP.get(precision, DROP) if drop is None else drop
    lost = round(before - after, 9)  # 0.8 - 0.795 is a little more than 0.005
    moves = "falls" if lost >= 0 else "rises"
    return Decision(
        figure=f"{name} on the data {moves} by {100 * abs(lost):.2f} points, a fall of {100 * drop:g} allowed",
        value=lost,
        bound=drop,
        passed=lost <= drop,
    )


def largest_difference(actual: np.ndarray, expected: np.ndarray, bar: str, *, scores: bool = False) -> float:
    """The largest absolute difference between two arrays of numbers, or between their scores."""
    if scores and bar in SCORES:
        actual, expected = (SCORES[bar](output) for output in (actual, expected))
    return float(np.abs(actual - expected).max())


def unclear_below(precision: str) -> tuple[float, float]:
    """Below which difference of the two best probabilities an answer is unclear: Keras's, and a file's."""
    return (TIES, TIES) if precision == "float32" else (HESITATES, SURE)


def changed_labels(actual: np.ndarray, expected: np.ndarray, bar: str, precision: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a file chooses another label than Keras, and where neither has a clear one (`unclear_below`).

    Args:
        actual, expected: the numbers of the file and of Keras, with labels on the last axis: of a row, or per token.
        bar: the kind of numbers, a key of `LABELS`.
        precision: the file's precision, as in kerasbert.json.

    Returns:
        Two bool arrays whose last axis is 1 for a choice, or the labels.
    """
    ours, theirs = np.asarray(actual), np.asarray(expected)
    hesitates, sure = unclear_below(precision)
    unclear = (_MARGINS[bar](theirs) < hesitates) & (_MARGINS[bar](ours) < sure)
    return _CHANGED[bar](ours, theirs), unclear


def with_excused_labels(actual: np.ndarray, expected: np.ndarray, bar: str, precision: str) -> np.ndarray:
    """Keras's numbers, with those of a file in the places where it may choose another label; none of another shape."""
    if bar not in LABELS or np.shape(actual) != np.shape(expected):
        return expected
    changed, unclear = changed_labels(actual, expected, bar, precision)
    return np.where(changed & unclear, actual, expected)


def _two_best(logits: np.ndarray) -> np.ndarray:
    best = np.sort(softmax(logits), axis=-1)
    return best[..., -1:] - best[..., -2:-1]


LABELS = ("choice", "choices")
"""The kinds of numbers that are logits of labels. Only labels can be unclear."""
_MARGINS: Mapping[str, Callable] = {"choice": _two_best, "choices": lambda logits: np.abs(2 * sigmoid(logits) - 1)}
"""Kind of numbers -> the margin of the labels, from 0 (unclear) to 1 (clear): one for a choice, or one per label."""
_CHANGED: Mapping[str, Callable] = {
    "choice": lambda a, b: a.argmax(-1, keepdims=True) != b.argmax(-1, keepdims=True),
    "choices": lambda a, b: (a > 0) != (b > 0),
}
"""Kind of numbers -> whether two choose different labels, in the same form."""
