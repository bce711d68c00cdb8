"""Figures of tagged words, by seqeval: an entity counts as found if its type and both ends are right."""

from collections.abc import Sequence

import numpy as np


def evaluate(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    """Computes precision, recall and F1 of entities over all sentences.

    Args:
        predicted: at least one sentence, with one tag per word: "O", "B-..." or "I-...".
        true: the right tags, of the same form.

    Returns:
        `precision`, `recall` and `f1` as seqeval computes them by default, and as conlleval does: an I- that follows no
        entity of its type begins one. `strict_iob2_f1` is seqeval's strict mode in the scheme IOB2, where such an I- is
        no entity. A figure of nothing, such as the precision without predicted entities, is 0.
    """
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    both = list(map(list, true)), list(map(list, predicted))
    return {
        "precision": float(precision_score(*both, zero_division=0)),
        "recall": float(recall_score(*both, zero_division=0)),
        "f1": float(f1_score(*both, zero_division=0)),
        "strict_iob2_f1": float(f1_score(*both, mode="strict", scheme=IOB2, zero_division=0)),
    }


def by_class(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Computes precision, recall and F1 of every type of entity, as seqeval's `classification_report` does by default.

    Args:
        predicted, true: as in `evaluate`.

    Returns:
        Per type that is predicted or true: `precision`, `recall`, `f1` and `support`, the number of true entities.
    """
    from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

    both = list(map(list, true)), list(map(list, predicted))
    kinds = sorted({entity[0] for tags in both for entity in get_entities(tags)})
    if not kinds:
        return {}
    columns = precision_recall_fscore_support(*both, average=None, zero_division=0)
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    return {
        kind: dict(zip(("precision", "recall", "f1", "support"), row, strict=True))
        for kind, row in zip(kinds, rows, strict=True)
    }
