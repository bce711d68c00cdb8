"""Figures of tagged words, by seqeval: an entity counts as found if its type and both ends are right."""

import warnings
from collections.abc import Sequence


def evaluate(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    """Computes precision, recall and F1 of entities over all sentences.

    Args:
        predicted: for each sentence, one tag per word: "O", "B-..." or "I-...".
        true: the right tags, of the same form.

    Returns:
        `precision`, `recall` and `f1` as seqeval computes them by default, and as conlleval does: an I- that follows no
        entity of its type begins one. `strict_iob2_f1` is seqeval's strict mode in the scheme IOB2, where such an I- is
        no entity. Without any entity a figure is 0.
    """
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    true, predicted = list(map(list, true)), list(map(list, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of figures of nothing
        figures = {
            "precision": precision_score(true, predicted, zero_division=0),
            "recall": recall_score(true, predicted, zero_division=0),
            "f1": f1_score(true, predicted, zero_division=0),
            "strict_iob2_f1": f1_score(true, predicted, mode="strict", scheme=IOB2, zero_division=0),
        }
    return {name: float(value) for name, value in figures.items()}
