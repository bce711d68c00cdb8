"""The report of a ladder: how well each file answers, its size, its time, and what each step is worth."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from kerasbert._version import __version__
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.markdown import table
from kerasbert.export.benchmark.measure import in_turn, length_of
from kerasbert.files import new_folder
from kerasbert.models.opening import model_class
from kerasbert.progress import counted
from kerasbert.runs.ladder import Plan
from kerasbert.runs.report import PACKAGES, hardware
from kerasbert.runtime import load
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.sentence_embedding import cosine
from kerasbert.tasks.task import Example, Task
from kerasbert.tasks.text_classification import NUMBER

TOKENS = 32
"""Length of the text that files are timed with."""
ROUNDS, RUNS = 3, 30
"""All files are timed in turn, this number of times, with this number of answers."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """The files of a ladder.

    Attributes:
        teacher, task, plan: see `kerasbert.runs.ladder`.
        bundles: name of a file -> its bundle.
        failed: name of a file that could not be made -> why.
        words: name of a file -> what it is made of.
        held_out: the examples to measure on.
        right: whether they have right answers.
        metric: the figure to measure; None: the task's.
        data: files and numbers of the examples. recipe: how students learned.
    """

    teacher: Checkpoint
    task: Task
    plan: Plan
    bundles: Mapping[str, Path]
    failed: Mapping[str, str]
    words: Mapping[str, str]
    held_out: Sequence[Example]
    right: bool
    metric: str | None
    data: Mapping[str, object]
    recipe: Mapping[str, object]


def write_ladder_report(folder: Path, made: Made, progress: Callable[[str], None]) -> dict:
    """Measures all files, and writes report.json and report.md into the ladder's folder.

    Returns:
        The content of report.json.
    """
    progress(f"measuring {len(made.bundles)} files")
    files = {name: next(iter(Manifest.read(bundle).files.values())) for name, bundle in made.bundles.items()}
    figure, figures = _figures(made)
    times = in_turn(made.bundles, TOKENS, rounds=ROUNDS, runs=RUNS)
    rows = {
        name: {
            "made of": made.words[name],
            figure: round(figures[name], 4),
            "MB": round(files[name].bytes / 1e6, 3),
            "ms": round(times[name], 3),
            "of the teacher's ms": round(times[name] / times["teacher"], 3),
            "file": str((bundle / files[name].path).relative_to(folder)),
        }
        for name, bundle in made.bundles.items()
    }
    measured = (figure, "MB", "ms")
    steps = {
        name: {
            "from": step.before,
            "to": step.after,
            **{each: round(rows[step.after][each] - rows[step.before][each], 4) for each in measured},
        }
        for name, step in made.plan.steps.items()
        if {step.before, step.after} <= rows.keys()
    }
    report = {
        "figure": figure,
        "rungs": {name: row for name, row in rows.items() if made.plan.rungs[name].kept},
        "tried": {name: row for name, row in rows.items() if not made.plan.rungs[name].kept},
        "steps": steps,
        "failed": dict(made.failed),
        "left out": dict(made.plan.left_out),
        "data": {
            "teacher": str(made.teacher.folder),
            **made.data,
            "tokens of the timed text": length_of(made.bundles["teacher"], TOKENS),
        },
        "recipe": {name: value for name, value in made.recipe.items() if value is not None},
        "hardware": hardware(),
        "versions": {"kerasbert": __version__, **{name: version(name) for name in PACKAGES}},
    }
    with new_folder(folder, update=True) as building:
        (building / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (building / "report.md").write_text(_page(report), encoding="utf-8")
    return report


def _page(report: dict) -> str:
    figure, data = report["figure"], report["data"]
    kept = "" if "dev" in data else f", which were kept from `{data['unlabelled']}` and not learned"
    about = (
        f"`{figure}` is that of the file on {data['dev_rows']:,} held-out examples{kept}. `ms` is the median time "
        f"of the file for a text of {data['tokens of the timed text']} tokens on one thread."
    )
    heads = {
        "rungs": about,
        "tried": "These files only tell what a step is worth. They are in run/tried.",
        "steps": "What a step changes: the second file less the first.",
        "failed": "These files could not be made.",
        "left out": "What this teacher does not allow.",
    }
    lines = ["# Ladder report"]
    for name, values in report.items():
        if isinstance(values, dict) and values:
            said = [heads[name], ""] if name in heads else []
            lines += ["", f"## {name.capitalize()}", "", *said, *table(values)]
    return "\n".join(lines) + "\n"


def _figures(made: Made) -> tuple[str, dict[str, float]]:
    """The name of the figure, and the figure of each file."""
    if not made.right:
        return _agreements(made)
    found = {}
    with counted(len(made.held_out) * len(made.bundles)) as count:
        for name, bundle in made.bundles.items():
            pipeline, answered = load(bundle), []
            for each in pipeline.answered(made.held_out):
                answered.append(made.task.brief(each, pipeline.settings))
                count.update(1)
            found[name] = made.task.figures(answered, pipeline.settings)
    known, usual = list(found["teacher"]), made.task.headline
    if made.task.measures is not None:
        usual = made.task.measures(made.held_out)[0]
    figure = made.metric or (usual if usual in known else known[0])
    return figure, {name: figures[figure] for name, figures in found.items()}


def _agreements(made: Made) -> tuple[str, dict[str, float]]:
    """The name of the figure, and how well the answers of each file agree with those of the teacher in Keras."""
    texts = [replace(each, truth=None) for each in made.held_out]
    length = Manifest.read(made.bundles["teacher"]).task_settings.max_length
    model = model_class(made.task.name).from_pretrained(made.teacher, max_length=length)
    settings, wanted = model.settings, list(model.answers(texts))
    del model
    answers = {name: list(load(bundle).answers(texts)) for name, bundle in made.bundles.items()}
    if made.task.name == "sentence-embedding":
        compared, figure = _mean_cosine, "cosine with the teacher"
    elif getattr(settings, "problem_type", None) == NUMBER:
        compared, figure = _correlation, "correlation with the teacher"
    else:
        compared, figure = lambda ours, theirs: _same(made.task, settings, ours, theirs), "agreement with the teacher"
    return figure, {name: compared(found, wanted) for name, found in answers.items()}


def _same(task: Task, settings, ours: Sequence, theirs: Sequence) -> float:
    """The share of answers that count as equal."""
    return float(np.mean([task.same(a, b, settings) for a, b in zip(ours, theirs, strict=True)]))


def _mean_cosine(ours: Sequence, theirs: Sequence) -> float:
    return float(np.mean([cosine(a["embedding"], b["embedding"]) for a, b in zip(ours, theirs, strict=True)]))


def _correlation(ours: Sequence, theirs: Sequence) -> float:
    """Pearson's correlation of numbers; 0 if all numbers of one side are equal."""
    scores = np.array([[each["score"] for each in answers] for answers in (ours, theirs)])
    return float(np.nan_to_num(np.corrcoef(scores)[0, 1])) if scores.std(axis=1).all() else 0.0
