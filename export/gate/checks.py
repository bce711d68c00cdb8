"""The checks of the parity gate, a tuple of functions (`CHECKS`). Every file of a bundle goes through all of them."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerasbert.decoding.labels import SCORES
from kerasbert.errors import BundleError
from kerasbert.export.formats.mediapipe.check import READERS, check_in_mediapipe
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently as mediapipe_reads
from kerasbert.export.gate import golden
from kerasbert.export.gate.bars import (
    decide_answers,
    decide_figure,
    decide_numbers,
    decide_vectors,
    judge_numbers,
    largest_difference,
)
from kerasbert.export.gate.compiled import compiled_outputs
from kerasbert.export.gate.subject import Subject
from kerasbert.export.gate.told import misjudged, misplaced
from kerasbert.quiet import quiet
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.tasks.ask import Answered, rows_taken
from kerasbert.tasks.encoding import prompt_of
from kerasbert.tasks.sentence_embedding import cosine
from kerasbert.tasks.task import Output
from kerasbert.tasks.windows import averaged

log = logging.getLogger("kerasbert")
ONE_BATCH = 2**31
"""A limit of tokens that no golden examples reach, so that all of them share one batch."""
Check = Callable[[Subject, object], list[str]]
"""Takes the subject and its row of the report, which it may fill in. Returns one line per failure."""


def leaves_out_what_is_not_read(subject: Subject, row) -> list[str]:
    """For a file that takes a single text, leaves out the pairs, and the windows after the first, where it cuts."""
    reads = subject.pipeline.fields
    if reads:
        subject.recorded = [_first_window(subject, each) for each in subject.recorded if set(each.example) == reads]
    return []


def asks_compiled_model(subject: Subject, row) -> list[str]:
    """Runs each example on LiteRT's `CompiledModel`, in a process of its own.

    It comes before the first answer of the interpreter, because each of the two holds the weights once per signature.
    """
    if not KINDS[subject.file.kind].compiled or subject.pipeline.fields:
        return []
    try:
        subject.compiled = compiled_outputs(subject.opened.folder, subject.name)
    except BundleError as error:
        return [f"in LiteRT's CompiledModel: {error}"]
    return []


def asks_each_alone(subject: Subject, row) -> list[str]:
    """Runs each example alone, as a phone does. Ids and numbers must be those recorded."""
    failures = timed_alone(subject, row)
    if failures:
        return failures
    wrong = _judged(subject, subject.alone)
    if not wrong or subject.file.precision == "float32":
        row.max_difference = max(
            (
                largest_difference(actual, expected, output.bar, scores=subject.in_scores)
                for actual, expected, output in _numbers(subject, subject.alone, subject.recorded)
                if actual.shape == expected.shape
            ),
            default=0.0,
        )
    if subject.file.precision == "float32":
        row.decision = decide_numbers(row.max_difference)
    return wrong


def timed_alone(subject: Subject, row) -> list[str]:
    """Answers each example alone, and takes the time. Returns a line for each whose ids are not those recorded."""
    failures, seconds = [], []
    for each in subject.recorded:
        with quiet():  # LiteRT prints a line at the first answer of a process
            start = time.perf_counter()
            (found,) = subject.pipeline.answered([golden.example_of(each)])
            seconds.append(time.perf_counter() - start)
        subject.alone.append(found)
        ids = [list(made.inputs["input_ids"]) for made in found.rows]
        tokens = [golden.tokens_of(subject.pipeline.graphs(), made) for made in found.rows]
        if ids != [recorded.input_ids for recorded in each.rows]:
            failures.append(f"ids of {named(each)} differ")
        elif tokens != [recorded.tokens for recorded in each.rows]:
            failures.append(f"places of the tokens of {named(each)} differ")
    row.milliseconds = 1000 * float(np.median(seconds))
    subject.comparable = not failures
    return failures


def answers_equally(subject: Subject, row) -> list[str]:
    """Compares the answers with those recorded of Keras; of a quantised file that tags tokens, the tokens' labels, and
    of one that embeds texts, the vectors.

    They decide on a quantised file, unless its figure on labelled data does (`asks_the_data`). Of a float32 file, the
    failure names the first answer that differs.
    """
    alike, excused, differs = [], [], ""
    quantised = subject.file.precision != "float32"
    by_token = subject.tags and quantised
    for each, found in zip(subject.recorded, subject.alone, strict=True):
        found, theirs = replace(found, outputs=_at_places(subject, found, each)), _recorded(subject, each)
        answer = subject.answer(found)
        alike.append(subject.alike(answer, each.answer))
        if by_token:
            excused += subject.kept(found, theirs, each.answer)
        else:
            excused.append(alike[-1] or subject.hesitates(found, theirs))
        if not excused[-1] and not differs:
            example, theirs, ours = map(shortened, (each.example, each.answer, answer))
            differs = f"; to {example} Keras answers {theirs}, and the file {ours}"
    row.agreement = float(np.mean(alike))
    decision = decide_answers(excused, subject.file.precision, what="labels of tokens" if by_token else "answers")
    if quantised and subject.embeds:
        row.cosines = _cosines(subject)
        decision = decide_vectors([*row.cosines.values()], subject.file.precision)
    if quantised:
        row.decision = decision
        return []
    return [] if decision.passed else [f"{decision.figure}{differs}"]


def _cosines(subject: Subject) -> dict[str, float]:
    """The cosine of each golden text's vector with Keras's, by the text (of a pair, both)."""
    found = {}
    for each, mine in zip(subject.recorded, subject.alone, strict=True):
        ((ours,), (theirs,)) = (*mine.outputs.values(), *_recorded(subject, each).values())
        found[" / ".join(each.example.values())] = round(cosine(ours, theirs), 6)
    return found


def asks_all_at_once(subject: Subject, row) -> list[str]:
    """Runs all examples in one padded batch. The numbers must stay the same. `.tflite` files take one row only."""
    if not KINDS[subject.file.kind].batches:
        return []
    return [f"in a batch: {wrong}" for wrong in _together(subject, subject.pipeline, subject.recorded)[1]]


def compares_compiled_model(subject: Subject, row) -> list[str]:
    """Compares the answers of LiteRT's `CompiledModel`, which apps use, with those of the interpreter."""
    if subject.compiled is None:
        return []
    found = [replace(each, outputs=mine) for each, mine in zip(subject.alone, subject.compiled, strict=True)]
    alike = [
        subject.alike(subject.answer(a), subject.answer(b)) or subject.hesitates(a, b.outputs)
        for a, b in zip(found, subject.alone, strict=True)
    ]
    decision = decide_answers(alike, subject.file.precision)
    failures = [] if decision.passed else [decision.figure]
    for name, output in subject.graph_outputs.items():
        ours, theirs = (
            _stacked([row for each in side for row in each.outputs[name]], output) for side in (found, subject.alone)
        )
        failures += judge_numbers(ours, theirs, output.bar, subject.file.precision, scores=subject.in_scores)
    return [f"in LiteRT's CompiledModel, beside the interpreter: {wrong}" for wrong in failures]


def asks_signatures_for_texts(subject: Subject, row) -> list[str]:
    """Runs a SavedModel's signatures for texts, which must return the same numbers as the one for ids.

    Such a signature gives the average of an example's windows, if the task averages them. Else it answers the first row
    of an example only, so the others are left out.
    """
    failures = []
    for fields, pipeline in subject.opened.from_text.items():
        chosen = [each for each in subject.recorded if set(each.example) == set(fields)]
        if not chosen:
            continue
        asked = [_as_asked(subject, each, rows_taken(pipeline.graphs()[0])) for each in chosen]
        left_out = sum(len(each.rows) - len(kept.rows) for each, kept in zip(chosen, asked, strict=True))
        if left_out and not subject.pipeline.task.averages:
            said = "%s: takes one window of a text where it takes texts, so %d further windows are not compared there"
            log.info(said, subject.file.path, left_out)
        found, wrong = _together(subject, pipeline, asked)
        wrong += [*misplaced(subject, found), *misjudged(found)]
        failures += [f"text signature: {each}" for each in wrong]
    return failures


def asks_mediapipe(subject: Subject, row) -> list[str]:
    """Runs the file in MediaPipe, if it is installed. Texts that MediaPipe splits differently are left out.

    MediaPipe for Python has no task for the files of the Task Library alone (`READERS`).
    """
    pipeline = subject.pipeline
    if subject.file.kind != "mediapipe" or pipeline.task.contract not in READERS:
        return []
    prompt = prompt_of(pipeline.settings)
    alone = {
        prompt + each.example["text"]: found
        for each, found in zip(subject.recorded, subject.alone, strict=True)
        if set(each.example) == {"text"}
    }
    row.read_differently = mediapipe_reads(pipeline.tokenizer, alone, max_length=pipeline.settings.max_length)
    if row.read_differently:
        _warn(subject.file.path, "MediaPipe", row.read_differently, len(alone))
    (output,) = subject.graph_outputs.values()
    scores = SCORES.get(output.bar, np.asarray)
    ours = {
        text: scores(found.outputs[output.name][0]) for text, found in alone.items() if text not in row.read_differently
    }
    return check_in_mediapipe(pipeline.task.contract, subject.opened.folder / subject.file.path, ours)


def asks_the_data(subject: Subject, row, judged: Callable | None = None) -> list[str]:
    """Runs the labelled data. A float32 file must return Keras's numbers; a quantised file must keep the figure.

    Args:
        judged: checks a float32 file in place of `_judged_on_data`.
    """
    task, settings, precision = subject.pipeline.task, subject.pipeline.settings, subject.file.precision
    reads = subject.pipeline.fields
    if not subject.data:
        return []
    if reads and any(set(each.fields) != reads for each in subject.data):
        fields = " and ".join(sorted(reads))
        log.warning("%s: not measured on the data: it takes %s alone", subject.file.path, fields)
        return []
    found, seconds = [], []
    for example in subject.data:
        start = time.perf_counter()
        found += subject.pipeline.answered([example])
        seconds.append(time.perf_counter() - start)
    row.milliseconds = 1000 * float(np.median(seconds))
    subject.answers_on_data = [subject.answer(each) for each in found]
    subject.found_on_data = found
    row.figure = task.figures(found, settings).get(task.headline)
    if subject.reference is None:
        if precision != "float32":  # a float32 file becomes the reference itself
            said = "%s: nothing to compare its answers on the data with: no float32 file passed before it"
            log.warning(said, subject.file.path)
        return []
    wanted = subject.reference.answered
    most = rows_taken(subject.pipeline.graphs()[0])
    if most is not None:
        wanted = [
            replace(each, rows=each.rows[:most], outputs={name: rows[:most] for name, rows in each.outputs.items()})
            for each in wanted
        ]
    alike = [subject.alike(a, subject.answer(b)) for a, b in zip(subject.answers_on_data, wanted, strict=True)]
    row.agreement = float(np.mean(alike))
    if precision == "float32":
        return (judged or _judged_on_data)(subject, row, found, wanted)
    before = task.figures(wanted, settings).get(task.headline)
    drop = None if subject.max_drop is None else subject.max_drop / 100
    row.decision = decide_figure(before, row.figure, precision, drop, task.headline) or row.decision
    return []


def decides(subject: Subject, row) -> list[str]:
    """Fails a quantised file whose deciding figure is out of its bound."""
    failed = subject.file.precision != "float32" and not row.decision.passed
    return [row.decision.figure] if failed else []


CHECKS: tuple[Check, ...] = (
    leaves_out_what_is_not_read,
    asks_compiled_model,
    asks_each_alone,
    answers_equally,
    asks_all_at_once,
    compares_compiled_model,
    asks_signatures_for_texts,
    asks_mediapipe,
    asks_the_data,
    decides,
)


def _warn(path: str, reader: str, texts: Sequence[str], count: int) -> None:
    shown = ", ".join(repr(text[:24]) for text in texts)
    log.warning(
        "%s: %s reads %d of %d golden texts differently than BERT's tokenizer: %s",
        path,
        reader,
        len(texts),
        count,
        shown,
    )


def _first_window(subject: Subject, each: golden.Golden) -> golden.Golden:
    """An example with the numbers of its first window, and with the answer that follows from them."""
    if len(each.rows) == 1 or rows_taken(subject.pipeline.graphs()[0]) is None:
        return each
    each = replace(each, rows=each.rows[:1])
    found = Answered(example=golden.example_of(each), rows=each.rows, outputs=_recorded(subject, each))
    return replace(each, answer=subject.answer(found))


def _as_asked(subject: Subject, each: golden.Golden, most: int | None) -> golden.Golden:
    """An example with the rows that a signature for texts gives of it: the average of windows, or the first `most`."""
    if not subject.pipeline.task.averages:
        return replace(each, rows=each.rows[:most])
    outputs = {name: averaged(each.rows, rows) for name, rows in _recorded(subject, each).items()}
    return replace(each, rows=[replace(each.rows[0], outputs=outputs)])


def shortened(value: object, most: int = 120) -> str:
    """A value on one line; arrays have several."""
    line = " ".join(repr(value).split())
    return line if len(line) <= most else f"{line[:most]}..."


def named(each: golden.Golden) -> str:
    return repr(next(iter(each.example.values()))[:40])


def _recorded(subject: Subject, each: golden.Golden) -> dict[str, list[np.ndarray]]:
    """The recorded numbers by output, one array per row."""
    return {name: [np.float32(row.outputs[name]) for row in each.rows] for name in subject.graph_outputs}


def _at_places(subject: Subject, found: Answered, each: golden.Golden) -> Mapping:
    return golden.at_places(subject.pipeline.graphs(), found.outputs, [row.places for row in each.rows])


def _numbers(subject: Subject, found: Sequence[Answered], recorded: Sequence[golden.Golden]) -> Iterator[tuple]:
    """Yields (file's numbers, Keras's numbers, output) per output, with all examples' rows (or tokens) on axis 0."""
    for name, output in subject.graph_outputs.items():
        ours = [
            rows for each, mine in zip(recorded, found, strict=True) for rows in _at_places(subject, mine, each)[name]
        ]
        theirs = [rows for each in recorded for rows in _recorded(subject, each)[name]]
        yield _stacked(ours, output), _stacked(theirs, output), output


def _stacked(rows: Sequence[np.ndarray], output: Output) -> np.ndarray:
    """The numbers of rows as one array; those of positions, whose number differs from row to row, side by side."""
    if output.axis == "position":
        return np.concatenate(rows)[np.newaxis]
    return np.concatenate([np.atleast_2d(row) for row in rows])


def _judged(subject: Subject, found: Sequence[Answered], recorded: Sequence[golden.Golden] | None = None) -> list[str]:
    several = len(subject.graph_outputs) > 1
    return [
        f"{output.name}: {wrong}" if several else wrong
        for actual, expected, output in _numbers(subject, found, subject.recorded if recorded is None else recorded)
        for wrong in judge_numbers(actual, expected, output.bar, subject.file.precision, scores=subject.in_scores)
    ]


def _together(
    subject: Subject, pipeline: Pipeline, recorded: Sequence[golden.Golden]
) -> tuple[list[Answered], list[str]]:
    """Answers examples in one batch, so that short ones are padded to the longest, and checks their numbers."""
    found = list(pipeline.answered([golden.example_of(each) for each in recorded], batch_tokens=ONE_BATCH))
    return found, _judged(subject, found, recorded)


def _judged_on_data(subject: Subject, row, found: Sequence[Answered], wanted: Sequence[Answered]) -> list[str]:
    """Checks a float32 file's numbers on the data. The largest difference there or on golden texts decides."""
    failures = []
    for name, output in subject.graph_outputs.items():
        ours, theirs = (
            _stacked([numbers for each in side for numbers in each.outputs[name]], output) for side in (found, wanted)
        )
        wrong = judge_numbers(ours, theirs, output.bar, "float32", scores=subject.in_scores)
        failures += [f"on the data: {each}" for each in wrong]
        if ours.shape == theirs.shape:
            worst = largest_difference(ours, theirs, output.bar, scores=subject.in_scores)
            row.decision = decide_numbers(max(worst, row.max_difference))
    return failures
