"""SQuAD's figures of answers: exact match and F1, as its official script computes them (Rajpurkar et al. 2018)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from kerasbert.tasks.figures import classification
from kerasbert.tasks.figures.pictures import Counts
from kerasbert.tasks.words import is_cjk

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(answer: str) -> str:
    """An answer in lower case, without punctuation, articles and extra spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def words(answer: str) -> list[str]:
    """The words that F1 compares. A Chinese or Japanese character is a word by itself, as in MLQA's script."""
    return "".join(f" {each} " if is_cjk(each) else each for each in normalized(answer)).split()


def exact_match(answer: str, right: str) -> float:
    """1 if both are equal when normalized, else 0."""
    return float(normalized(answer) == normalized(right))


def f1(answer: str, right: str) -> float:
    """F1 of the words that both have. If one of them has no words: 1 if the other has none either, else 0."""
    ours, theirs = words(answer), words(right)
    if not ours or not theirs:
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs))


def best(measure, answer: str, right: Sequence[str]) -> float:
    """The best value over the right answers; without any, the right answer is none."""
    return max(measure(answer, each) for each in [each for each in right if normalized(each)] or [""])


def evaluate(answers: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """Computes the figures of some questions.

    Args:
        answers: one answer per question, "" for none.
        right: the right answers of each question; empty if it has none.

    Returns:
        `exact_match` and `f1`, from 0 to 1; for questions with and without an answer also `answerable_f1` and
        `unanswerable_f1`, which is the share that was answered with none.
    """
    values = np.array([[best(each, *pair) for each in (exact_match, f1)] for pair in zip(answers, right, strict=True)])
    has = np.array([bool(each) for each in right])
    found = {"exact_match": float(values[:, 0].mean()), "f1": float(values[:, 1].mean())}
    if has.any() and not has.all():
        found |= {"answerable_f1": float(values[has, 1].mean()), "unanswerable_f1": float(values[~has, 1].mean())}
    return found


def by_class(answers: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of "answer" and "none": how well questions without an answer are known.

    Arguments are those of `evaluate`. Empty if every question has an answer.
    """
    if all(right):
        return {}
    predicted, true = ([{_KINDS[not each]} for each in values] for values in (answers, right))
    return classification.by_class(predicted, true, _KINDS)


def outcomes(answers: Sequence[str], right: Sequence[Sequence[str]]) -> Counts:
    """Counts answers that are right, partly right (some words are), wrong and none, for questions with and without an
    answer. Arguments are those of `evaluate`.
    """
    counts = {kind: dict.fromkeys(_OUTCOMES, 0) for kind in _KINDS if kind == _KINDS[0] or not all(right)}
    for answer, texts in zip(answers, right, strict=True):
        if best(exact_match, answer, texts):
            outcome = "right"
        elif not answer:
            outcome = "none"
        else:
            outcome = "partly right" if best(f1, answer, texts) else "wrong"
        counts[_KINDS[not texts]][outcome] += 1
    return Counts(
        rows=tuple(counts),
        columns=_OUTCOMES,
        counts=tuple(tuple(row.values()) for row in counts.values()),
        across="the model's answer",
    )


_KINDS = ("answer", "none")
"""What a question has."""
_OUTCOMES = ("right", "partly right", "wrong", "none")


def best_threshold(differences: Sequence[float], gains: Sequence[float], answerable: Sequence[bool]) -> float:
    """The threshold of null scores that gives the most right answers, as SQuAD 2.0's script finds it.

    Args:
        differences: for each question, the score of none less the score of the best span. Above the threshold, the
            answer is none.
        gains: the figure of the best span of each question.
        answerable: whether each question has an answer.
    """
    order = np.argsort(np.asarray(differences, float), kind="stable")
    change = np.where(answerable, gains, -1.0)[order]
    totals = np.concatenate([[0.0], np.cumsum(change)])
    place = int(totals.argmax())
    ordered = np.asarray(differences, float)[order]
    return float(ordered[place - 1]) if place else float(ordered[0]) - 1.0
