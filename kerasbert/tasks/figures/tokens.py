"""Figures of tagged words, by seqeval: an entity counts as found if its type and both ends are right."""

from collections.abc import Sequence

from kerasbert.decoding.tags import OUTSIDE, split_label
from kerasbert.tasks.figures.breakdown import Breakdown, of_labels


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


def break_down(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> Breakdown:
    """The figures of each type of entity, by seqeval, and a confusion matrix of words.

    Args:
        predicted, true: as in `evaluate`.

    Returns:
        The support of a type is the number of its true entities. The matrix counts words by the type of their tag, with
        "O" for words outside of entities.
    """
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    words = [[split_label(tag)[1] for tags in sentences for tag in tags] for sentences in (true, predicted)]
    kinds = sorted({kind for each in words for kind in each} - {OUTSIDE})
    by_class = {}
    if kinds:
        both = list(map(list, true)), list(map(list, predicted))
        rows = zip(*precision_recall_fscore_support(*both, average=None, zero_division=0), strict=True)
        for kind, (precision, recall, f1, support) in zip(kinds, rows, strict=True):
            by_class[kind] = {
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(support),
            }
    return Breakdown(by_class=by_class, picture=of_labels(*words, (OUTSIDE, *kinds)).picture)
