"""What the parity gate demands of an exported file: numbers within a tolerance, answers equal."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from kerasbert.decoding.labels import SCORES, sigmoid, softmax

TOLERANCE = 1e-4
"""Largest difference of a float32 file's numbers from Keras's."""
AGREEMENT = 0.99
"""Least share of answers that a quantised file has in common with Keras."""
ROUGH = {"int4": 0.93, "full-int8": 0.85}
"""The same for precisions that cannot reach it. Weights of 4 bits kept 97 % of a fine-tuned encoder's answers. With
activations of 8 bits, outliers in BERT's residual sums leave few bits to the rest (arXiv 2109.12948): a fine-tuned
MiniLM kept 89 % of its answers, an encoder of two blocks 92 %; with 16 bits, 100 % and 99 %."""
HESITATES = 0.1
"""A quantised file may answer a golden text otherwise where Keras hesitates: its two best probabilities are closer than
this. On labelled data every text counts."""
SURE = 0.5
"""There the quantised file has to hesitate as well: its two best probabilities are closer than this."""
DROP = 0.005
"""Largest loss of the headline figure of a quantised file on labelled data: 0.5 points."""
ROUGH_DROP = {"int4": 0.02, "full-int8": 0.05}
"""The same for the precisions of `ROUGH`."""


def judge_numbers(actual: np.ndarray, expected: np.ndarray, bar: str, precision: str, *, scores: bool = False) -> list:
    """What is wrong with an output's numbers: nothing, or one line.

    Args:
        actual, expected: float, of the file and of Keras, of one shape.
        bar: the kind of numbers (`kerasbert.tasks.task.Output.bar`).
        precision: of the file, as in kerasbert.json; a quantised file's numbers only have to be finite.
        scores: the file ends in scores, so that the tolerance is one for scores.
    """
    if actual.shape != expected.shape or not actual.size:
        return [f"its outputs are of shape {actual.shape}, Keras's of {expected.shape}"]
    if not np.isfinite(expected).all():  # comparisons with NaN are false, so NaN would pass any bar
        return ["Keras's own outputs are not all finite"]
    if not np.isfinite(actual).all():
        return ["its outputs are not all finite"]
    difference = largest_difference(actual, expected, bar, scores=scores)
    if precision == "float32" and difference > TOLERANCE:
        return [f"outputs differ by {difference:.2g}, {TOLERANCE:g} allowed"]
    return []


def judge_answers(alike: Sequence[bool], precision: str, *, where: str = "") -> list[str]:
    """What is wrong with a file's answers: nothing, or one line.

    Args:
        alike: whether each answer equals Keras's, or may differ from it (`hesitates`).
        where: completes "of answers agree", such as " on the data".
    """
    share = float(np.mean(alike))
    wanted = 1.0 if precision == "float32" else ROUGH.get(precision, AGREEMENT)
    return [f"{share:.2%} of answers{where} agree, {wanted:.0%} wanted"] if share < wanted else []


def judge_figure(before: float | None, after: float | None, precision: str, drop: float | None, name: str) -> list[str]:
    """What is wrong with a quantised file's headline figure on labelled data: nothing, or one line.

    Args:
        before, after: of Keras and of the file, from 0 to 1; None where the task has no such figure.
        drop: what it may lose, from 0 to 1; None: `DROP`, or what `precision` has in its place.
    """
    if before is None or after is None:
        return []
    drop = ROUGH_DROP.get(precision, DROP) if drop is None else drop
    if round(before - after, 9) > drop:  # 0.8 - 0.795 is a little more than 0.005
        return [f"{name} on the data falls by {100 * (before - after):.2f} points, {100 * drop:g} allowed"]
    return []


def largest_difference(actual: np.ndarray, expected: np.ndarray, bar: str, *, scores: bool = False) -> float:
    """Between the numbers, or between their scores."""
    if scores and bar in SCORES:
        actual, expected = (SCORES[bar](output) for output in (actual, expected))
    return float(np.abs(actual - expected).max())


def hesitates(outputs: Iterable[tuple[np.ndarray, np.ndarray, str]]) -> bool:
    """Whether a quantised file may answer an example otherwise than Keras, since neither is decided.

    The two must choose otherwise somewhere, and wherever they do, neither may be decided. Where they choose alike,
    another answer comes from something else, such as labels that were exchanged.

    Args:
        outputs: for each row and output the numbers of the file, those of Keras, and the kind of numbers.
    """
    differ = False
    for actual, expected, bar in outputs:
        if bar not in _MARGINS:
            return False
        ours, theirs = np.asarray(actual), np.asarray(expected)
        changed = _CHANGED[bar](ours, theirs)
        undecided = (_MARGINS[bar](theirs) < HESITATES) & (_MARGINS[bar](ours) < SURE)
        if np.any(changed & ~undecided):
            return False
        differ = differ or bool(np.any(changed))
    return differ


def _two_best(logits: np.ndarray) -> np.ndarray:
    best = np.sort(softmax(logits), axis=-1)
    return best[..., -1] - best[..., -2]


_MARGINS: Mapping[str, Callable] = {"choice": _two_best, "choices": lambda logits: np.abs(2 * sigmoid(logits) - 1)}
"""How decided a row's labels are, from 0 to 1."""
_CHANGED: Mapping[str, Callable] = {
    "choice": lambda a, b: a.argmax(-1) != b.argmax(-1),
    "choices": lambda a, b: (a > 0) != (b > 0),
}
