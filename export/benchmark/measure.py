"""How fast, how large and how hungry every file of a bundle is, each measured in fresh processes of its own."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import BundleError, ExportError
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.golden import TEXTS

ROUNDS = 3
"""Every file is measured in turn, and the turn repeated: what disturbs the machine for a while disturbs all files."""
KERAS = "keras"
ENGINES = ("ai-edge-litert", "onnxruntime", "tensorflow", "keras")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One file at one number of threads and one length of text, on the CPU, a text a call.

    Attributes:
        name, path, precision: as in kerasbert.json; "keras" is the model that the files were made from.
        megabytes: its size. threads: it may use. length: of the text, in tokens.
        ms, ms_p95: half of the answers, and 95 % of them, took no longer: the model alone, from ids to outputs.
        text_ms, text_ms_p95: the same from string to answer.
        load_s: seconds from a process that has nothing imported to the first answer.
        memory_mb: by how much that process grew at most.
        cores: that it kept busy while it answered.
    """

    name: str
    path: str
    precision: str
    megabytes: float
    threads: int
    length: int
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
    lengths: Sequence[int] | None = None,
    runs: int = 30,
    progress: Callable[[int, int, Measured], None] = lambda done, total, row: None,
) -> list[Measured]:
    """Measures files of a bundle, beside the Keras model if it is given.

    Args:
        files: names in kerasbert.json; None: all.
        threads: numbers of threads to try; None: one, and as many as there are cores.
        lengths: of the texts, in tokens; None: those of the bundle's signatures.
        runs: timed answers of a file at each length and number of threads, spread over up to 3 rounds.
        progress: told after each process how many are done, how many there are, and what it measured last.

    Returns:
        A row for each file, number of threads and length, in this order; Keras's first.

    Raises:
        BundleError: a file is missing, was changed or is not in the bundle, or a length is beyond its `max_length`.
        ExportError: a process ended without a result.
    """
    folder = Path(bundle).absolute()
    manifest = Manifest.read(folder)
    manifest.check_others(folder)
    files = list(manifest.files) if files is None else list(dict.fromkeys(files))
    for name in files:
        manifest.check_file(folder, name)
    lengths = manifest.lengths if lengths is None else sorted(set(lengths))
    threads = sorted({1, cores()} if threads is None else set(threads))
    texts = texts_of(manifest, folder, lengths)

    subjects = [(name, count) for name in [*([] if model is None else [KERAS]), *files] for count in threads]
    rounds = min(ROUNDS, runs)
    results = {subject: [] for subject in subjects}
    for turn in range(rounds):
        for index, (name, count) in enumerate(subjects):
            task = {"bundle": str(folder), "name": name, "threads": count, "texts": texts, "runs": -(-runs // rounds)}
            task["model"] = str(model) if name == KERAS else None
            results[name, count].append(in_a_process(task))
            row = _rows(manifest, model, name, count, lengths, results[name, count][-1:])[-1]
            progress(turn * len(subjects) + index + 1, rounds * len(subjects), row)
    return [
        row for (name, count), made in results.items() for row in _rows(manifest, model, name, count, lengths, made)
    ]


def as_data(rows: Sequence[Measured]) -> dict:
    """The rows with what their times depend on, as plain data."""
    return {"machine": machine(), "rows": [asdict(row) for row in rows]}


def in_a_process(task: dict) -> dict:
    """What `kerasbert.export.benchmark.process` measures, in a Python that was started for it.

    Raises:
        ExportError: it could not open the file, or died.
    """
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": str(task["threads"]),
        "PYTHONSAFEPATH": "1",  # a kerasbert/ in the current folder is not the one that runs here
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "kerasbert.export.benchmark.process", json.dumps(task)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    what = f"{task['name']}, threads {task['threads']}"
    if done.returncode < 0:
        raise ExportError(f"{what}: its process was killed by signal {-done.returncode}; is there enough memory?")
    if done.returncode:
        raise ExportError(f"{what}: its process failed ({(done.stderr.splitlines() or ['without a word'])[-1]})")
    result = json.loads(done.stdout.splitlines()[-1])
    if "error" in result:
        raise ExportError(f"{what}: {result['error']}")
    return result


def cores() -> int:
    """That this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def texts_of(manifest: Manifest, folder: Path, lengths: Sequence[int]) -> list[str]:
    """A text of each length in tokens: words of real sentences, added as long as they fit.

    Raises:
        BundleError: a length that the bundle's files do not take.
    """
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    longest = manifest.task_settings.max_length
    if wrong := [length for length in lengths if not 3 <= length <= longest]:
        raise BundleError(f"{folder}: takes texts of 3 to {longest} tokens, not of {wrong[0]}")
    words = [word for text in TEXTS for word in text.split() if word.isascii()]
    texts = []
    for length in lengths:
        text, size = "", 0
        while size < length:
            before = size
            for word in words:
                longer = f"{text} {word}".lstrip()
                count = len(tokenizer([longer], max_length=length + 1)["input_ids"][0])
                if count <= length:
                    text, size = longer, count
            if size == before:  # no word is short enough: a token or two remain
                break
        texts.append(text)
    return texts


def machine() -> dict:
    """What the times depend on: processor, cores, versions."""
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
    """A row a length, of all that the processes of a file have measured."""
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
                length=length,
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
