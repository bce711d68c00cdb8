"""The checks that a file of a bundle goes through, one after the other: a tuple of functions."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kerasbert.decoding.labels import SCORES
from kerasbert.export.formats.mediapipe.check import check_in_mediapipe
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently as mediapipe_reads
from kerasbert.export.gate import golden
from kerasbert.export.gate.bars import hesitates, judge_answers, judge_figure, judge_numbers, largest_difference
from kerasbert.export.gate.opening import Opened
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import File
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example

log = logging.getLogger("kerasbert")
ONE_BATCH = 2**31
"""More tokens than all golden examples have together."""
Check = Callable[["Subject", object], list[str]]
"""The subject and its row of the report, which a check may fill in -> one line for each thing that is wrong."""


@dataclass(kw_only=True)
class Subject:
    """One file on its way through the checks.

    Attributes:
        opened: the file. recorded: the golden examples that its kind can be asked.
        data, reference, max_drop: see `kerasbert.export.gate.verify.verify`.
        alone: what it computed for the recorded examples, each asked alone.
        comparable: whether its numbers belong to the recorded ones; not where the ids differ.
        answers_on_data, found_on_data: what it answered and computed for `data`, where it could be asked.
    """

    opened: Opened
    recorded: list[golden.Golden]
    data: Sequence[Example]
    reference: object
    max_drop: float | None
    alone: list[Answered] = field(default_factory=list)
    comparable: bool = True
    answers_on_data: list = field(default_factory=list)
    found_on_data: list[Mapping] = field(default_factory=list)

    @classmethod
    def of(cls, opened: Opened, **options) -> "Subject":
        """A file with what is recorded for it."""
        recorded = golden.read(opened.folder, opened.pipeline.manifest.graphs)
        golden.check_fields(recorded, opened.pipeline.task, opened.folder)
        return cls(opened=opened, recorded=recorded, **options)

    @property
    def name(self) -> str:
        return self.opened.name

    @property
    def pipeline(self) -> Pipeline:
        return self.opened.pipeline

    @property
    def file(self) -> File:
        return self.pipeline.manifest.files[self.name]

    @property
    def in_scores(self) -> bool:
        """Whether the file ends in scores, as MediaPipe wants them."""
        return self.file.kind == "mediapipe"

    @cached_property
    def graph_outputs(self) -> dict:
        """The outputs by name."""
        return {each.name: each for graph in self.pipeline.graphs() for each in graph.outputs}

    def answer(self, found: Answered):
        """The answer that the numbers make."""
        return self.pipeline.task.decode(found.example, found.rows, found.outputs, self.pipeline.settings)

    def alike(self, ours, theirs) -> bool:
        """Whether two answers count as equal."""
        return golden.alike(ours, theirs, self.pipeline.task, self.pipeline.settings)

    def hesitates(self, ours: Mapping, theirs: Mapping) -> bool:
        """Whether a quantised file may answer otherwise, since neither it nor Keras is decided."""
        return self.file.precision != "float32" and hesitates(
            (a, b, output.bar)
            for name, output in self.graph_outputs.items()
            for a, b in zip(ours[name], theirs[name], strict=True)
        )


def leaves_out_what_it_reads_differently(subject: Subject, row) -> list[str]:
    """A file with a tokenizer of its own takes no pairs, and no answer is known for what it reads otherwise."""
    if not subject.pipeline.fields:
        return []
    from kerasbert.export.formats.tflite import text

    single = [each for each in subject.recorded if set(each.example) == {"text"}]
    texts = [each.example["text"] for each in single]
    strange = text.read_differently(subject.pipeline.tokenizer, texts, max_length=subject.pipeline.settings.max_length)
    row.read_differently = strange
    if strange:
        _warn(subject.file.path, "it", strange, len(single))
    subject.recorded = [each for each in single if each.example["text"] not in strange]
    return []


def asks_each_alone(subject: Subject, row) -> list[str]:
    """Asks each example alone, as a phone would: the same ids, the same numbers."""
    failures, seconds = [], []
    for each in subject.recorded:
        start = time.perf_counter()
        (found,) = subject.pipeline.answered([golden.example_of(each)])
        seconds.append(time.perf_counter() - start)
        subject.alone.append(found)
        ids = [list(made.inputs["input_ids"]) for made in found.rows]
        if ids != [recorded.input_ids for recorded in each.rows]:
            failures.append(f"ids of {_named(each)} differ")
    row.milliseconds = 1000 * float(np.median(seconds))
    subject.comparable = not failures
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
    return wrong


def answers_equally(subject: Subject, row) -> list[str]:
    """The answers are Keras's, as recorded."""
    alike = []
    for each, found in zip(subject.recorded, subject.alone, strict=True):
        at_places = _at_places(subject, found, each)
        ours = subject.pipeline.task.decode(found.example, found.rows, at_places, subject.pipeline.settings)
        alike.append(subject.alike(ours, each.answer))
    row.agreement = float(np.mean(alike))
    excused = [
        same or subject.hesitates(found.outputs, _recorded(subject, each))
        for same, each, found in zip(alike, subject.recorded, subject.alone, strict=True)
    ]
    return judge_answers(excused, subject.file.precision)


def asks_all_at_once(subject: Subject, row) -> list[str]:
    """The numbers stay the same in a padded batch; a `.tflite` file has none."""
    if not KINDS[subject.file.kind].batches:
        return []
    return _together(subject, subject.pipeline, subject.recorded, "in a batch: ")


def asks_signatures_for_texts(subject: Subject, row) -> list[str]:
    """A SavedModel's signatures for texts give the same numbers as the one for ids."""
    failures = []
    for fields, pipeline in subject.opened.from_text.items():
        chosen = [each for each in subject.recorded if set(each.example) == set(fields)]
        failures += _together(subject, pipeline, chosen, "text signature: ") if chosen else []
    return failures


def asks_mediapipe(subject: Subject, row) -> list[str]:
    """MediaPipe itself gives the same, where it is installed, for the texts that it reads as BERT does."""
    if not subject.in_scores:
        return []
    pipeline = subject.pipeline
    alone = {
        each.example["text"]: found
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


def asks_the_data(subject: Subject, row) -> list[str]:
    """Labelled data: a float32 file gives Keras's numbers, a quantised one nearly all of its answers and its figure."""
    task, settings, precision = subject.pipeline.task, subject.pipeline.settings, subject.file.precision
    reads = subject.pipeline.fields
    if not subject.data or (reads and any(set(each.fields) != reads for each in subject.data)):
        return []
    found, seconds = [], []
    for example in subject.data:
        start = time.perf_counter()
        found += subject.pipeline.answered([example])
        seconds.append(time.perf_counter() - start)
    row.milliseconds = 1000 * float(np.median(seconds))
    subject.answers_on_data = [subject.answer(each) for each in found]
    subject.found_on_data = [each.outputs for each in found]
    row.figure = task.figures(subject.answers_on_data, subject.data, settings).get(task.headline)
    if subject.reference is None:
        return []
    expected = subject.reference.answers
    alike = [subject.alike(a, b) for a, b in zip(subject.answers_on_data, expected, strict=True)]
    row.agreement = float(np.mean(alike))
    if precision == "float32":
        return _judged_on_data(subject, found)
    before = task.figures(expected, subject.data, settings).get(task.headline)
    drop = None if subject.max_drop is None else subject.max_drop / 100
    failures = judge_answers(alike, precision, where=" on the data") if drop is None else []
    return failures + judge_figure(before, row.figure, precision, drop, task.headline)


CHECKS: tuple[Check, ...] = (
    leaves_out_what_it_reads_differently,
    asks_each_alone,
    answers_equally,
    asks_all_at_once,
    asks_signatures_for_texts,
    asks_mediapipe,
    asks_the_data,
)


def _warn(path: str, reader: str, texts: Sequence[str], count: int) -> None:
    shown = ", ".join(repr(text[:24]) for text in texts)
    log.warning(
        "%s: %s reads %d of %d golden texts otherwise than BERT's tokenizer: %s", path, reader, len(texts), count, shown
    )


def _named(each: golden.Golden) -> str:
    return repr(next(iter(each.example.values()))[:40])


def _recorded(subject: Subject, each: golden.Golden) -> dict[str, list[np.ndarray]]:
    """The recorded numbers by output, one array per row."""
    return {name: [np.float32(row.outputs[name]) for row in each.rows] for name in subject.graph_outputs}


def _at_places(subject: Subject, found: Answered, each: golden.Golden) -> Mapping:
    return golden.at_places(subject.pipeline.graphs(), found.outputs, [row.places for row in each.rows])


def _numbers(subject: Subject, found: Sequence[Answered], recorded: Sequence[golden.Golden]) -> Iterator[tuple]:
    """For each output the file's numbers and Keras's, all rows (or tokens) of all examples below each other."""
    for name, output in subject.graph_outputs.items():
        ours = [
            rows for each, mine in zip(recorded, found, strict=True) for rows in _at_places(subject, mine, each)[name]
        ]
        theirs = [rows for each in recorded for rows in _recorded(subject, each)[name]]
        yield _stacked(ours), _stacked(theirs), output


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.atleast_2d(row) for row in rows])


def _judged(subject: Subject, found: Sequence[Answered], recorded: Sequence[golden.Golden] | None = None) -> list[str]:
    several = len(subject.graph_outputs) > 1
    return [
        f"{output.name}: {wrong}" if several else wrong
        for actual, expected, output in _numbers(subject, found, subject.recorded if recorded is None else recorded)
        for wrong in judge_numbers(actual, expected, output.bar, subject.file.precision, scores=subject.in_scores)
    ]


def _together(subject: Subject, pipeline: Pipeline, recorded: Sequence[golden.Golden], which: str) -> list[str]:
    """Examples asked together, so that short ones are padded to the longest."""
    found = pipeline.answered([golden.example_of(each) for each in recorded], batch_tokens=ONE_BATCH)
    return [which + wrong for wrong in _judged(subject, list(found), recorded)]


def _judged_on_data(subject: Subject, found: Sequence[Answered]) -> list[str]:
    """A float32 file on the data; texts that it reads otherwise are left out."""
    strange = frozenset()
    if subject.pipeline.fields:
        from kerasbert.export.formats.tflite import text

        texts = [example.fields["text"] for example in subject.data]
        pipeline = subject.pipeline
        strange = frozenset(text.read_differently(pipeline.tokenizer, texts, max_length=pipeline.settings.max_length))
    kept = [example.fields.get("text") not in strange for example in subject.data]
    if not any(kept):
        return []
    failures = []
    for name, output in subject.graph_outputs.items():
        pairs = zip(found, subject.reference.outputs, strict=True)
        ours, theirs = zip(
            *[(a.outputs[name], b[name]) for (a, b), keep in zip(pairs, kept, strict=True) if keep], strict=True
        )
        actual, expected = (_stacked([row for rows in side for row in rows]) for side in (ours, theirs))
        wrong = judge_numbers(actual, expected, output.bar, "float32", scores=subject.in_scores)
        failures += [f"on the data: {each}" for each in wrong]
    return failures
