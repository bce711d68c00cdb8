"""Measures speed, size and memory of every file of a bundle, each in processes of its own."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import BundleError, ExportError
from kerasbert.export.benchmark.estimate import Cost, Estimate
from kerasbert.runtime.engines import MOST_THREADS
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.golden import TEXTS
from kerasbert.tasks.task import Example

ROUNDS = 3
"""All files are measured in turn, and the turn is repeated, so a disturbance of the machine affects all of them."""
RUNS = 30
"""Usual number of timed answers."""
QUICK_RUNS = 5
"""The same for a quick look, in one round."""
KERAS = "keras"
ENGINES = ("ai-edge-litert", "onnxruntime", "tensorflow", "keras")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One file with one number of threads and one length of text, on the CPU, with one text per call.

    Attributes:
        name, path, precision: as in kerasbert.json; "keras" is the model that the files were made from.
        megabytes: size of the file. threads: number of threads it may use. sequence_length: of the text, in tokens.
        ms, ms_p95: median and 95th percentile of the model alone, from ids to outputs: all calls that a text needs.
        text_ms, text_ms_p95: the same from text to answer.
        load_s: seconds from the start of a process to its first answer.
        memory_mb: the largest growth of that process.
        cores: number of cores that it kept busy while it answered.
    """

    name: str
    path: str
    precision: str
    megabytes: float
    threads: int
    sequence_length: int
    ms: float
    ms_p95: float
    text_ms: float
    text_ms_p95: float
    load_s: float
    memory_mb: float
    cores: float


def benchmark(
    bundle: str | Path,
    *,
    files: Sequence[str] | None = None,
    model: str | Path | None = None,
    threads: Sequence[int] | None = None,
    sequence_lengths: Sequence[int] | None = None,
    runs: int | None = None,
    quick: bool = False,
    progress: Callable[[int, int, Measured, float | None], None] = lambda done, total, row, left: None,
) -> list[Measured]:
    """Measures files of a bundle, and the Keras model if it is given.

    Args:
        files: names in kerasbert.json. None: all.
        model: the folder of the Keras model.
        threads: numbers of threads to try. None: one, and as many as there are cores; for a quick look the runtime's.
        sequence_lengths: lengths of the texts, in tokens. None: those of the bundle's signatures.
        runs: timed answers of a file for each length and number of threads, spread over up to `ROUNDS` rounds. None:
            `RUNS`, or `QUICK_RUNS`.
        quick: a quick look: one round.
        progress: called after each process with the number of finished processes, their total, the last measurement,
            and the seconds that the rest will take, or None while this is not known.

    Returns:
        One row for each file, number of threads and length, in this order; Keras's come first.

    Raises:
        BundleError: a file is missing, was changed or is not in the bundle, or a length exceeds its `max_length`.
        ExportError: a process ended without a result.
    """
    folder = Path(bundle).absolute()
    manifest = Manifest.read(folder)
    manifest.check_others(folder)
    files = list(manifest.files) if files is None else list(dict.fromkeys(files))
    for name in files:
        manifest.check_file(folder, name)
    lengths = manifest.lengths if sequence_lengths is None else sorted(set(sequence_lengths))
    usual_threads = {min(MOST_THREADS, cores())} if quick else {1, cores()}
    threads = sorted(usual_threads if threads is None else set(threads))
    examples = examples_of(manifest, folder, lengths)

    subjects = [(name, count) for name in [*([] if model is None else [KERAS]), *files] for count in threads]
    estimate = Estimate({subject: _class(manifest, subject[0]) for subject in subjects})
    results = {subject: [] for subject in subjects}
    planned = [(each, count) for count in _runs_per_round(runs, quick) for each in estimate.order()]
    for done, ((name, count), answers) in enumerate(planned, 1):
        task = {"bundle": str(folder), "name": name, "threads": count, "examples": examples, "runs": answers}
        task["model"] = str(model) if name == KERAS else None
        started = time.monotonic()
        result = in_a_process(task)
        estimate.add((name, count), Cost.of(time.monotonic() - started, answers, result["whole"]))
        results[name, count].append(result)
        row = _rows(manifest, model, name, count, lengths, [result])[-1]
        progress(done, len(planned), row, estimate.left(planned[done:]))
    return [
        row for (name, count), made in results.items() for row in _rows(manifest, model, name, count, lengths, made)
    ]


def length_of(bundle: str | Path, tokens: int) -> int:
    """The tokens of a text that a bundle is timed with: this number, or as many as it takes."""
    return min(tokens, Manifest.read(bundle).task_settings.max_length)


def in_turn(bundles: Mapping[str, str | Path], tokens: int, *, rounds: int, runs: int) -> dict[str, float]:
    """The median milliseconds of several bundles on one thread, measured in turn, so that a disturbance meets all.

    Args:
        bundles: name -> a bundle with one file.
        tokens: length of the text, as far as a bundle takes it (`length_of`).
        rounds: how often all are measured. runs: timed answers of a bundle in a round.
    """
    found, lengths = {name: [] for name in bundles}, {name: [length_of(x, tokens)] for name, x in bundles.items()}
    for _ in range(rounds):
        for name, bundle in bundles.items():
            found[name] += benchmark(bundle, threads=[1], sequence_lengths=lengths[name], runs=runs, quick=True)
    return {name: median(row.ms for row in rows) for name, rows in found.items()}


def fastest(rows: Sequence[Measured]) -> Measured:
    """The row of the file that takes the least time from text to answer, for the longest text."""
    longest = max(row.sequence_length for row in rows)
    of_files = [row for row in rows if row.sequence_length == longest and row.name != KERAS] or rows
    return min(of_files, key=lambda row: row.text_ms)


def _class(manifest: Manifest, name: str) -> str:
    """What opens alike: Keras, files that need TensorFlow, and all others."""
    if name == KERAS:
        return KERAS
    return "tensorflow" if KINDS[manifest.files[name].kind].needs_tensorflow else "alone"


def _runs_per_round(runs: int | None, quick: bool) -> list[int]:
    """Timed answers of a file in each round. The first round is short: it tells how long the others will take."""
    runs = runs or (QUICK_RUNS if quick else RUNS)
    rounds = 1 if quick else min(ROUNDS, runs)
    return [runs] if rounds == 1 else [1] + [-(-(runs - 1) // (rounds - 1))] * (rounds - 1)


def as_data(rows: Sequence[Measured]) -> dict:
    """The rows and the facts that their times depend on, as plain data."""
    return {"machine": machine(), "rows": [asdict(row) for row in rows], "fastest": asdict(fastest(rows))}


def in_a_process(task: dict) -> dict:
    """Runs `kerasbert.export.benchmark.process` in a new Python and returns its result.

    Raises:
        ExportError: it could not open the file, or died.
    """
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": str(task["threads"]),
        "PYTHONSAFEPATH": "1",  # the current folder may have another kerasbert/
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "kerasbert.export.benchmark.process", json.dumps(task)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    what = f"{task['name']}, threads {task['threads']}"
    if done.returncode < 0:
        raise ExportError(f"{what}: its process was killed by signal {-done.returncode}; is there enough memory?")
    if done.returncode:
        raise ExportError(f"{what}: its process failed ({(done.stderr.splitlines() or ['it printed no reason'])[-1]})")
    result = json.loads(done.stdout.splitlines()[-1])
    if "error" in result:
        raise ExportError(f"{what}: {result['error']}")
    return result


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def examples_of(manifest: Manifest, folder: Path, lengths: Sequence[int]) -> list[dict]:
    """The fields of one example for each length in tokens. Its last text is made of words of real sentences; the other
    fields that the task needs, such as a question, are short.

    Raises:
        BundleError: a length that the bundle's files do not take.
    """
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    task, longest = manifest.definition, manifest.task_settings.max_length
    settings = replace(manifest.task_settings, max_length=longest + 1)
    needed = [each for each in task.fields if each.required]
    varied = [each.name for each in needed if each.holds("")][-1]
    short = {
        each.name: min((one.fields[each.name] for one in task.golden), key=lambda value: len(str(value)))
        for each in needed
        if each.name != varied
    }
    if wrong := [length for length in lengths if not 3 <= length <= longest]:
        raise BundleError(f"{folder}: takes texts of 3 to {longest} tokens, not of {wrong[0]}")
    words = [word for text in TEXTS for word in text.split() if word.isascii()]

    def tokens(text: str) -> int:
        rows = task.rows(tokenizer, Example({**short, varied: text}), settings)
        whole = len({row.choice for row in rows}) == len(rows)  # not windows, of which a choice would have several
        return max(map(len, rows)) if whole else longest + 1

    examples = []
    for length in lengths:
        text, size = task.pose("").strip(), 0
        while size < length:
            before = size
            for word in words:
                longer = f"{text} {word}".lstrip()
                count = tokens(longer)
                if count <= length:
                    text, size = longer, count
            if size == before:  # no word is short enough for the one or two tokens that remain
                break
        examples.append({**short, varied: text})
    return examples


def machine() -> dict:
    """The facts that times depend on: processor, cores, versions."""
    versions = {}
    for package in ENGINES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return {"processor": processor, "cores": cores(), "system": platform.platform(), "versions": versions}


def _rows(manifest, model, name: str, threads: int, lengths: Sequence[int], results: list[dict]) -> list[Measured]:
    """One row per length, from all measurements of a file."""
    if name == KERAS:
        weights = sum(path.stat().st_size for path in Path(model).glob("*.safetensors")) if Path(model).is_dir() else 0
        what = {"path": str(model), "precision": "float32", "megabytes": weights / 1e6}
    else:
        file = manifest.files[name]
        what = {"path": file.path, "precision": file.precision, "megabytes": file.bytes / 1e6}
    rows = []
    for index, length in enumerate(lengths):
        alone, whole = ([ms for result in results for ms in result[key][index]] for key in ("alone", "whole"))
        rows.append(
            Measured(
                name=name,
                **what,
                threads=threads,
                sequence_length=length,
                ms=median(alone),
                ms_p95=float(np.percentile(alone, 95)),
                text_ms=median(whole),
                text_ms_p95=float(np.percentile(whole, 95)),
                load_s=median(result["load"] for result in results),
                memory_mb=median(result["memory"] for result in results),
                cores=median(result["cores"] for result in results),
            )
        )
    return rows
