"""The parity gate: it compares every file of a bundle with the numbers and answers of Keras."""

import gc
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kerasbert.errors import BundleError, ExportError
from kerasbert.examples.readers import read_examples
from kerasbert.export.gate import checks, golden, writing
from kerasbert.export.gate.bars import Decision
from kerasbert.export.gate.opening import open_any
from kerasbert.export.gate.subject import Subject
from kerasbert.export.variants import VARIANTS
from kerasbert.quiet import quiet
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import Example, Task

log = logging.getLogger("kerasbert")
SHOWN = 3
"""Number of a file's failures that its row names."""


@dataclass(frozen=True)
class Reference:
    """The answers and numbers that the files of a bundle are compared with on labelled examples.

    Attributes:
        answers: one answer per example, in their order.
        answered: the examples with their rows and outputs.
    """

    answers: Sequence
    answered: Sequence[Answered]

    @classmethod
    def of(cls, model, examples: Sequence[Example]) -> "Reference":
        """Computes the answers and numbers of a Keras model."""
        found = list(model.answered(examples))
        answers = [model.task.decode(each.example, each.rows, each.outputs, model.settings) for each in found]
        return cls(answers, found)


@dataclass(kw_only=True)
class Row:
    """The measurements of one file, a row of report.json.

    Attributes:
        format: its name in kerasbert.json.
        path: its path in the bundle; the paths of its parts, with commas between.
        megabytes: its size, in units of 10^6 bytes.
        max_difference: largest absolute difference of its outputs from Keras's on the golden examples. Scores are
            compared if the file returns scores.
        agreement: share of its answers that equal Keras's, from 0 to 1: on the labelled data, or on the golden examples
            if there is none.
        milliseconds: median time for one example, from text to answer.
        figure: the task's headline figure on the labelled data, from 0 to 1; None without data.
        decision: the figure that decides whether the file passes, with its bound; None if nothing could be compared.
        cosines: of a quantised sentence encoder: golden text -> the cosine of its vector with Keras's; else empty.
        failed: the limits that it exceeded: the first `SHOWN`, and how many more; None if it passed.
        read_differently: golden texts that the tokenizer inside the file splits differently from kerasbert's.
    """

    format: str
    path: str
    megabytes: float
    max_difference: float = 0.0
    agreement: float = 0.0
    milliseconds: float = 0.0
    figure: float | None = None
    decision: Decision | None = None
    cosines: dict[str, float] = field(default_factory=dict)
    failed: str | None = None
    read_differently: list[str] = field(default_factory=list)


def read_data(path: str | Path, task: Task, settings, columns: Mapping[str, str | None] | None = None) -> list[Example]:
    """Reads labelled examples for measuring a bundle's files.

    Raises:
        ExportError: the task has no figures.
        DataError: a row cannot be used, or has a label that the settings do not know; the message names the line.
    """
    if task.figures is None:
        raise ExportError(f"{path}: {task.name} has no figures to measure on labelled data; leave the data out")
    examples = read_examples(path, task, columns=columns)
    task.check(examples, settings)
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
    """Checks every file of a bundle: its bytes, and its numbers and answers on golden examples and labelled data.

    Golden examples run alone. If the file takes several rows per call, they also run in one padded batch.

    Args:
        bundle: a folder that `export_bundle` made.
        data: labelled examples (`read_data`).
        reference: Keras's answers and numbers for `data`. Without it, the first float32 file that passes serves as the
            reference for the files after it.
        max_drop: points of the headline figure that a quantised file may lose on the data. None: the limit of
            `kerasbert.export.gate.bars` for its precision.
        files: names of the files to check, as in kerasbert.json; None: all.
        progress: called before each step, with a line that describes it.

    Returns:
        One row per file, float32 files first.

    Raises:
        BundleError: the bundle has no model files, or a file is missing, was changed or cannot be opened.
    """
    bundle = Path(bundle)
    manifest = Manifest.read(bundle)
    if not manifest.files:
        raise BundleError(f"{bundle}: holds no model files, so there is nothing to verify; export again")
    rows = []
    # float32 files first, because one of them may serve as the reference.
    names = sorted(manifest.files if files is None else files, key=lambda n: manifest.files[n].precision != "float32")
    for name in names:
        progress(f"checking {name}")
        row, found = _checked(bundle, name, data=data, reference=reference, max_drop=max_drop)
        rows.append(row)
        reference = reference or found
        gc.collect()  # closes the file's engine before the next one opens: each holds the weights
    return rows


def _checked(bundle: Path, name: str, **given) -> tuple[Row, Reference | None]:
    """Runs the checks on one file, as long as its numbers can be compared. The file is closed when this returns.

    Returns:
        Its row, and its answers on the data if they may serve as the reference.
    """
    with quiet():  # a file that takes texts makes LiteRT print a line where it is opened
        opened = open_any(bundle, name)
    subject = Subject.of(opened, **given)
    file = subject.file
    row = Row(format=subject.name, path=file.path, megabytes=file.bytes / 1e6)
    failures = []
    for check in writing.CHECKS if golden.writes(subject.pipeline.manifest.graphs) else checks.CHECKS:
        if subject.comparable:
            failures += check(subject, row)
    row.failed = _listed(failures) or None
    serves = subject.found_on_data and file.precision == "float32" and not row.failed
    return row, Reference(subject.answers_on_data, subject.found_on_data) if serves else None


def _listed(failures: Sequence[str]) -> str:
    more = [f"and {len(failures) - SHOWN} more"] if len(failures) > SHOWN else []
    return "; ".join([*failures[:SHOWN], *more])


def check(rows: Sequence[Row]) -> None:
    """Raises ExportError if a file failed. The message names each such file and its failures."""
    failed = [f"{row.format}: {row.failed}" for row in rows if row.failed]
    if failed:
        quantised = any(
            row.failed and row.format in VARIANTS and VARIANTS[row.format].quantize != "none" for row in rows
        )
        mend = (
            "; export without that quantization, or with labelled data and the drop that you allow" if quantised else ""
        )
        raise ExportError("the parity gate failed: " + " | ".join(failed) + mend)


def report(rows: Sequence[Row]) -> list[dict]:
    """The rows as plain data, for report.json."""
    return [asdict(row) for row in rows]
