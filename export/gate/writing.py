"""The checks of the parity gate for files that write texts, a tuple of functions (`CHECKS`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from kerasbert.export.gate import golden
from kerasbert.export.gate.bars import (
    TOLERANCE,
    decide_answers,
    decide_numbers,
    judge_numbers,
    largest_difference,
)
from kerasbert.export.gate.checks import (
    ONE_BATCH,
    Check,
    asks_compiled_model,
    asks_the_data,
    decides,
    shortened,
    timed_alone,
)
from kerasbert.export.gate.followed import Followed, answer_of, followed, greedy_answer
from kerasbert.export.gate.subject import Subject
from kerasbert.runtime.kinds import KINDS
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.generating import greedy
from kerasbert.tasks.task import Example, Run
from kerasbert.tasks.words import as_text

TRIES = 8
"""How often a text is written again with slightly other logits, to see whether it hangs on a tie."""


def asks_each_alone(subject: Subject, row) -> list[str]:
    """Writes a text for each example alone, and follows the recorded texts, whose numbers must be those recorded."""
    failures = timed_alone(subject, row)
    if failures:
        return failures
    subject.followed = [
        found
        for each, mine in zip(subject.recorded, subject.alone, strict=True)
        for made, recorded in zip(mine.rows, each.rows, strict=True)
        for found in followed(subject.pipeline, [made], [recorded.outputs])
    ]
    wrong, difference = _judged(subject, subject.followed)
    if not wrong or subject.file.precision == "float32":
        row.max_difference = difference
    if subject.file.precision == "float32":
        row.decision = decide_numbers(row.max_difference)
    return wrong


def answers_equally(subject: Subject, row) -> list[str]:
    """Compares the texts with Keras's: of a float32 file with the model's settings and of greedy search.

    Only a tie excuses another text. A quantised file is judged by the tokens of the recorded texts, or by its figure on
    labelled data if there are any (`asks_the_data`).
    """
    alike = [
        subject.alike(subject.answer(found), each.answer)
        for each, found in zip(subject.recorded, subject.alone, strict=True)
    ]
    row.agreement = float(np.mean(alike))
    if subject.file.precision != "float32":
        kept = np.concatenate([each.kept for each in subject.followed]).tolist()
        row.decision = decide_answers(kept, subject.file.precision, what="tokens of texts")
        return []
    return [*_differing(subject, subject.alone), *_differing_greedily(subject)]


def asks_all_at_once(subject: Subject, row) -> list[str]:
    """The same for all examples in one padded batch, which must not change the numbers and the texts."""
    if not KINDS[subject.file.kind].batches:
        return []
    found = list(subject.pipeline.answered(map(golden.example_of, subject.recorded), batch_tokens=ONE_BATCH))
    made, recorded = ([one for each in side for one in each.rows] for side in (subject.alone, subject.recorded))
    wrong, _ = _judged(subject, followed(subject.pipeline, made, [one.outputs for one in recorded]))
    if subject.file.precision == "float32":
        wrong += _differing(subject, found)
    return [f"in a batch: {each}" for each in wrong]


def compares_compiled_model(subject: Subject, row) -> list[str]:
    """Compares what LiteRT's `CompiledModel`, which apps use, computes for the recorded texts."""
    if subject.compiled is None:
        return []
    found = [
        Followed(log_probs, kept)
        for each in subject.compiled
        for log_probs, kept in zip(each["log_probs"], each["kept"], strict=True)
    ]
    wrong, _ = _judged(subject, found)
    decision = decide_answers(np.concatenate([each.kept for each in found]).tolist(), subject.file.precision)
    wrong += [] if decision.passed or subject.data else [decision.figure]
    return [f"in LiteRT's CompiledModel: {each}" for each in wrong]


def asks_signature_for_texts(subject: Subject, row) -> list[str]:
    """Runs a SavedModel's signature for texts on all examples at once. It must write what the file's graphs write by
    greedy search, and tell whether a text has ended and whether a source was cut, because it has no sentences.
    """
    failures, pipeline = [], subject.pipeline
    settings = replace(greedy(pipeline.settings), split_sentences=False)
    examples = [golden.example_of(each) for each in subject.recorded]
    for fields, run in subject.opened.writes.items():
        columns = run({name: [as_text(each.fields[name]) for each in examples] for name in fields})
        for example, *values in zip(examples, *columns.values(), strict=True):
            ours, wanted = dict(zip(columns, values, strict=True)), answer_of(pipeline, example, settings)
            (whole,) = pipeline.tokenizer.encode(*([as_text(example.fields[name])] for name in fields))
            named, cut = shortened(example.fields), len(whole) > settings.max_length
            if not _equal(subject, ours, wanted) and not _hangs_on_a_tie(subject, example, ours, settings):
                failures.append(f"to {named} the graphs write {shortened(wanted)}, and the signature {shortened(ours)}")
            elif ours["finished"] != wanted["finished"] and _equal(subject, ours, wanted):
                failures.append(f"finished is {ours['finished']} for {named}")
            elif ours["truncated"] != cut:
                failures.append(f"truncated is {ours['truncated']} for {named}, which has {len(whole)} tokens")
    return [f"text signature: {each}" for each in failures]


def judged_on_data(subject: Subject, row, found: Sequence[Answered], wanted: Sequence[Answered]) -> list[str]:
    """Checks a float32 file's texts on the data, where only a tie excuses another text."""
    pairs = (
        (one.example, subject.answer(one), subject.answer(other)) for one, other in zip(found, wanted, strict=True)
    )
    failures = _others(subject, pairs, subject.pipeline.settings)
    return [f"on the data: {each}" for each in failures]


CHECKS: tuple[Check, ...] = (
    asks_compiled_model,
    asks_each_alone,
    answers_equally,
    asks_all_at_once,
    compares_compiled_model,
    asks_signature_for_texts,
    partial(asks_the_data, judged=judged_on_data),
    decides,
)


def _judged(subject: Subject, found: Sequence[Followed]) -> tuple[list[str], float]:
    """The failures of the numbers for all recorded texts, and their largest difference from Keras's."""
    theirs = [np.float32(row.outputs["log_probs"]) for each in subject.recorded for row in each.rows]
    ours, theirs = np.concatenate([each.log_probs for each in found]), np.concatenate(theirs)
    return judge_numbers(ours, theirs, "vector", subject.file.precision), largest_difference(ours, theirs, "vector")


def _differing(subject: Subject, found: Sequence[Answered]) -> list[str]:
    pairs = zip(subject.recorded, found, strict=True)
    answers = ((golden.example_of(each), subject.answer(mine), each.answer) for each, mine in pairs)
    return _others(subject, answers, subject.pipeline.settings)


def _differing_greedily(subject: Subject) -> list[str]:
    examples = [golden.example_of(each) for each in subject.recorded]
    theirs = [each.greedy for each in subject.recorded]
    ours = (greedy_answer(subject.pipeline, each) for each in examples)
    pairs = zip(examples, ours, theirs, strict=True)
    return [f"by greedy search: {each}" for each in _others(subject, pairs, greedy(subject.pipeline.settings))]


def _others(subject: Subject, answers: Iterator[tuple[Example, object, object]], settings) -> list[str]:
    """One line per example whose answer is another one than Keras's, though no tie excuses that.

    Args:
        answers: the examples, each with the file's answer and Keras's.
    """
    return [
        f"to {shortened(example.fields)} Keras writes {shortened(theirs)}, and the file {shortened(ours)}"
        for example, ours, theirs in answers
        if not _equal(subject, ours, theirs) and not _hangs_on_a_tie(subject, example, theirs, settings)
    ]


def _equal(subject: Subject, ours, theirs) -> bool:
    """Whether texts are equal, and their scores but for rounding."""
    first, other = (each[0] if isinstance(each, list) else each for each in (ours, theirs))
    return subject.alike(ours, theirs) and abs(first["score"] - other["score"]) <= _score_bar(subject)


def _score_bar(subject: Subject) -> float:
    """A score is the sum of log-probabilities, each within `TOLERANCE`, divided by length ** length_penalty."""
    settings = subject.pipeline.settings
    return TOLERANCE * max(1.0, settings.max_new_tokens ** (1 - settings.length_penalty))


def _hangs_on_a_tie(subject: Subject, example: Example, theirs, settings) -> bool:
    """Whether the file writes Keras's text if its logits change by as little as numbers may differ."""
    for seed in range(TRIES):
        step = _nudged(subject.pipeline.runs["decoder_step"], np.random.default_rng(seed))
        if _equal(subject, answer_of(subject.pipeline, example, settings, decoder_step=step), theirs):
            return True
    return False


def _nudged(run: Run, draw: np.random.Generator) -> Run:
    def nudged(batch: dict) -> dict:
        found = run(batch)
        logits = np.asarray(found["logits"])
        return {**found, "logits": logits + draw.uniform(-TOLERANCE, TOLERANCE, logits.shape).astype("float32")}

    return nudged
