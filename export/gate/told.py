"""Checks what a signature for texts tells beside the model's outputs: of tokens, and of sentences."""

import itertools
from collections.abc import Sequence

import numpy as np

from kerasbert.decoding.labels import sigmoid
from kerasbert.export.gate.bars import TOLERANCE
from kerasbert.export.gate.subject import Subject
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.sources import SENTENCE_SCORES
from kerasbert.tasks.words import as_text


def misplaced(subject: Subject, found: Sequence[Answered]) -> list[str]:
    """Checks what a signature for texts tells of the tokens, if it does: their places and words, and whether the text
    was cut.
    """
    failures, longest = [], subject.pipeline.settings.max_length
    for each in (each for each in found if "offsets" in each.outputs):
        (row,) = each.rows
        (offsets,), (words,), (truncated,) = (each.outputs[name] for name in ("offsets", "words", "truncated"))
        kinds = {field.name: field.kind for field in subject.pipeline.task.fields}
        texts = [[as_text(value)] for name, value in each.example.fields.items() if kinds[name] != "number"]
        (whole,) = subject.pipeline.tokenizer.encode(*texts)
        if offsets[: len(row)].tolist() != [list(place) for place in row.encoding.offsets]:
            failures.append(f"offsets of {texts[0][0][:40]!r} differ")
        if _joined(words[: len(row)].tolist()) != _joined(row.encoding.word_ids):
            failures.append(f"words of {texts[0][0][:40]!r} differ")
        if truncated != (len(whole) > longest):
            failures.append(f"truncated is {bool(truncated)} for {texts[0][0][:40]!r}, which has {len(whole)} tokens")
    return failures


def misjudged(found: Sequence[Answered]) -> list[str]:
    """Checks what a signature for sentences tells of them, if it does: their scores, and whether a row was cut."""
    failures = []
    for each in (each for each in found if SENTENCE_SCORES in each.outputs):
        told = zip(each.rows, *(each.outputs[name] for name in ("logits", SENTENCE_SCORES, "truncated")), strict=True)
        for row, logits, scores, truncated in told:
            wanted = sigmoid([np.mean(logits[span]) for span in row.spans])
            if scores[len(wanted) :].any() or np.abs(scores[: len(wanted)] - wanted).max() > TOLERANCE:
                failures.append(f"{SENTENCE_SCORES} of {row.texts[0][:40]!r} are not those of its tokens")
            if truncated != row.encoding.cut:
                failures.append(f"truncated is {bool(truncated)} for {row.texts[0][:40]!r}")
    return failures


def _joined(words: Sequence) -> list[bool]:
    """Whether each token is of the same word as the one before it. Numbers of words may have gaps."""
    return [a == b for a, b in itertools.pairwise(words)]
