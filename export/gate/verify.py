"""The parity gate: every file of a bundle against the numbers and answers that Keras gave."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kerasbert.errors import BundleError, ExportError
from kerasbert.examples.readers import read_examples
from kerasbert.export.gate.checks import CHECKS, Subject
from kerasbert.export.gate.opening import open_any
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.task import Example, Task

log = logging.getLogger("kerasbert")


@dataclass(frozen=True)
class Reference:
    """What the files of a bundle are compared with on labelled examples.

    Attributes:
        answers: the right model's answers, in the order of the examples. outputs: its numbers by row and output name.
    """

    answers: Sequence
    outputs: Sequence[Mapping]

    @classmethod
    def of(cls, model, examples: Sequence[Example]) -> "Reference":
        """The answers of a Keras model."""
        found = list(model.answered(examples))
        answers = [model.task.decode(each.example, each.rows, each.outputs, model.settings) for each in found]
        return cls(answers, [each.outputs for each in found])


@dataclass(kw_only=True)
class Row:
    """What was measured of one file.

    Attributes:
        format, path: its name in the bundle and its file.
        megabytes: its size.
        max_difference: of its outputs (of its scores, if it ends in scores) from Keras's on the golden examples, of any
            length, padded to the file's length.
        agreement: share of answers equal to Keras's, on the labelled data if there is any, else on the golden examples.
        milliseconds: the median for one example from text to answer.
        figure: the task's headline figure on the labelled data. failed: which bar it missed.
        read_differently: the golden texts that the tokenizer inside the file reads otherwise than ours.
    """

    format: str
    path: str
    megabytes: float
    max_difference: float = 0.0
    agreement: float = 0.0
    milliseconds: float = 0.0
    figure: float | None = None
    failed: str | None = None
    read_differently: list[str] = field(default_factory=list)


def read_data(path: str | Path, task: Task, settings, columns: Mapping[str, str | None] | None = None) -> list[Example]:
    """Labelled examples to measure a bundle's files on, each with a truth that the settings know.

    Raises:
        ExportError: the task has no figures. DataError: a row that cannot be used, named by line.
    """
    if task.figures is None:
        raise ExportError(f"{path}: {task.name} has no figures to be measured on labelled data; leave the data out")
    examples = read_examples(path, task, columns=columns)
    for example in examples:
        task.truth(example, settings)
    return examples


def verify(
    bundle: str | Path,
    *,
    data: Sequence[Example] = (),
    reference: Reference | None = None,
    max_drop: float | None = None,
    files: Iterable[str] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Checks every file of a bundle: its bytes, its numbers and answers on the golden examples and on labelled data.

    Golden examples are asked alone, and a second time in one padded batch of a file whose batch is free.

    Args:
        bundle: a folder that `export_bundle` made.
        data: labelled examples (`read_data`), on which a quantised file is compared with `reference`: Keras's answers.
            Without a reference it is compared with a float32 file, which the golden examples have vouched for.
        max_drop: points of the headline figure that a quantised file may lose on the data; None: 0.5, and 99 % of its
            answers must be the same.
        files: names of the formats to check; None: all.
        progress: called with the name of each step before it starts.

    Raises:
        BundleError: the bundle has no model files, or a file is missing, was changed or cannot be opened.
    """
    bundle = Path(bundle)
    manifest = Manifest.read(bundle)
    if not manifest.files:
        raise BundleError(f"{bundle}: holds no model files, so there is nothing to verify; export again")
    rows = []
    # float32 files first: they may have to serve as the reference.
    names = sorted(manifest.files if files is None else files, key=lambda n: manifest.files[n].precision != "float32")
    for name in names:
        progress(f"checking {name}")
        subject = Subject.of(open_any(bundle, name), data=data, reference=reference, max_drop=max_drop)
        rows.append(_row(subject))
        if reference is None and subject.found_on_data and subject.file.precision == "float32" and not rows[-1].failed:
            reference = Reference(subject.answers_on_data, subject.found_on_data)
    return rows


def _row(subject: Subject) -> Row:
    """One file through all checks."""
    file = subject.file
    row = Row(format=subject.name, path=file.path, megabytes=file.bytes / 1e6)
    failures = []
    for check in CHECKS:
        if subject.comparable:
            failures += check(subject, row)
    row.failed = "; ".join(failures[:3]) or None
    return row


def check(rows: Sequence[Row]) -> None:
    """Raises ExportError: a file failed; each is named with the bar that it missed."""
    failed = [f"{row.format}: {row.failed}" for row in rows if row.failed]
    if failed:
        raise ExportError("the parity gate failed: " + " | ".join(failed))


def report(rows: Sequence[Row]) -> list[dict]:
    """The rows as plain data, for report.json."""
    return [asdict(row) for row in rows]
